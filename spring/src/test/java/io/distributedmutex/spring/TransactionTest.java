package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Propagation;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;

/** On a real database, H2 in this process. Reading and then writing loses increments unless a lock surrounds the commit. */
class TransactionTest {

    private static final String URL = "jdbc:h2:mem:accounts;LOCK_TIMEOUT=60000";

    /** Keeps the database alive. */
    private Connection database;

    @BeforeEach
    void createAccount() throws SQLException {
        database = DriverManager.getConnection(URL);
        JdbcTemplate jdbc = jdbc();
        jdbc.execute("CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL)");
        jdbc.update("INSERT INTO account VALUES (1, 0)");
    }

    @AfterEach
    void dropDatabase() throws SQLException {
        database.createStatement().execute("SHUTDOWN");
    }

    private static JdbcTemplate jdbc() {
        return new JdbcTemplate(new DriverManagerDataSource(URL));
    }

    private static int balance() {
        return read(jdbc());
    }

    private static int read(JdbcTemplate jdbc) {
        return jdbc.queryForObject("SELECT balance FROM account WHERE id = 1", Integer.class);
    }

    private static void write(JdbcTemplate jdbc, int balance) {
        jdbc.update("UPDATE account SET balance = ? WHERE id = 1", balance);
    }

    /** What an application has; a data source of its own for each. */
    @Configuration
    static class Database {
        @Bean
        DataSource dataSource() {
            return new DriverManagerDataSource(URL);
        }

        @Bean
        PlatformTransactionManager transactionManager(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }

        @Bean
        JdbcTemplate jdbc(DataSource dataSource) {
            return new JdbcTemplate(dataSource);
        }

        @Bean
        TransactionTemplate transactions(PlatformTransactionManager manager) {
            return new TransactionTemplate(manager);
        }
    }

    @Configuration
    @EnableTransactionManagement
    static class Transactions {}

    @Configuration
    @EnableTransactionManagement(order = DistributedLockConfiguration.DEFAULT_ORDER - 1)
    static class TransactionsOutside {}

    @Configuration
    @EnableDistributedLocks(order = DistributedLockConfiguration.DEFAULT_ORDER - 2)
    static class LocksFurtherOutside {}

    @Component
    static class Accounts {
        private final JdbcTemplate jdbc;

        Accounts(JdbcTemplate jdbc) {
            this.jdbc = jdbc;
        }

        @Transactional
        @DistributedLock(key = "'account:' + #id", waitTime = "1m")
        public void increment(int id) {
            write(jdbc, read(jdbc) + 1);
        }

        @Transactional
        @DistributedLock(key = "'account:' + #id")
        public void committedAfterTheLoss(int id, Runnable lose) {
            write(jdbc, read(jdbc) + 1);
            lose.run();
        }

        @Transactional
        @DistributedLock(key = "'account:' + #id", onLost = OnLeaseLost.ROLLBACK)
        public void rolledBackAfterTheLoss(int id, Runnable lose) {
            write(jdbc, read(jdbc) + 1);
            lose.run();
        }

        @Transactional
        @DistributedLock(key = "'account:' + #id", onLost = OnLeaseLost.ROLLBACK)
        public void rolledBackIfLost(int id) {
            write(jdbc, read(jdbc) + 1);
        }

        @Transactional
        @DistributedLock(key = "'account:' + #id", onLost = OnLeaseLost.ROLLBACK)
        public CompletableFuture<Void> rolledBackLater(int id, Runnable lose) {
            write(jdbc, read(jdbc) + 1);
            lose.run();
            return CompletableFuture.completedFuture(null);
        }

        @DistributedLock(key = "'account:' + #id")
        public void locked(int id) {}

        @DistributedLock(key = "'account:' + #id", onLost = OnLeaseLost.ROLLBACK)
        public void inTransactionOfTheCaller(int id) {
            write(jdbc, read(jdbc) + 1);
        }
    }

    @Component
    static class NewTransactions {
        @Transactional(propagation = Propagation.NOT_SUPPORTED)
        @DistributedLock(name = "without")
        public void withoutTransaction() {}
    }

    private static Application application(Class<?>... classes) {
        List<Class<?>> all = new ArrayList<>(List.of(Database.class));
        all.addAll(List.of(classes));
        return Application.of(all.toArray(Class<?>[]::new));
    }

    // ---- In the right order nothing is lost

    @Test
    void twoApplicationsThatIncrementTwoHundredTimesLoseNone() throws Exception {
        InMemoryLockStore store = new InMemoryLockStore();
        Class<?>[] classes = {Database.class, Transactions.class, Accounts.class};
        try (Application one = Application.of(store, Map.of(), true, classes);
                Application two = Application.of(store.sibling(), Map.of(), true, classes)) {
            increment(
                    () -> one.get(Accounts.class).increment(1),
                    () -> two.get(Accounts.class).increment(1));
        }
        assertThat(balance()).isEqualTo(200);
    }

    @Test
    void noneIsLostThoughTheTransactionsBeginOutsideSinceTheLockIsKeptUntilTheyEnd() throws Exception {
        InMemoryLockStore store = new InMemoryLockStore();
        Class<?>[] classes = {Database.class, Transactions.class, Accounts.class};
        try (Application one = Application.of(store, Map.of(), true, classes);
                Application two = Application.of(store.sibling(), Map.of(), true, classes)) {
            increment(
                    () -> one.get(TransactionTemplate.class)
                            .executeWithoutResult(
                                    status -> one.get(Accounts.class).increment(1)),
                    () -> two.get(TransactionTemplate.class)
                            .executeWithoutResult(
                                    status -> two.get(Accounts.class).increment(1)));
        }
        assertThat(balance()).isEqualTo(200);
    }

    private static void increment(Runnable one, Runnable two) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<?>> running = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            running.add(threads.submit(one));
            running.add(threads.submit(two));
        }
        for (Future<?> each : running) {
            each.get(1, TimeUnit.MINUTES);
        }
        threads.shutdown();
    }

    // ---- In the wrong order it is

    /** The bug that all this is about, by hand: the second reads after the unlock and before the commit of the first. */
    @Test
    void anUnlockBeforeTheCommitLosesAnIncrement() throws Exception {
        InMemoryLockStore store = new InMemoryLockStore();
        CountDownLatch secondHasRead = new CountDownLatch(1);
        CountDownLatch firstHasUnlocked = new CountDownLatch(1);
        try (DistributedMutex one = DistributedMutex.builder(store).build();
                DistributedMutex two = DistributedMutex.builder(store.sibling()).build()) {
            CompletableFuture<Void> first = inTransaction(jdbc -> {
                one.run("account:1", lease -> write(jdbc, read(jdbc) + 1));
                firstHasUnlocked.countDown();
                await(secondHasRead);
            });
            await(firstHasUnlocked);
            CompletableFuture<Void> second = inTransaction(jdbc -> two.run("account:1", lease -> {
                int balance = read(jdbc);
                secondHasRead.countDown();
                write(jdbc, balance + 1);
            }));
            first.get(1, TimeUnit.MINUTES);
            second.get(1, TimeUnit.MINUTES);
        }
        assertThat(balance()).isEqualTo(1);
    }

    private static CompletableFuture<Void> inTransaction(java.util.function.Consumer<JdbcTemplate> work) {
        DataSource source = new DriverManagerDataSource(URL);
        TransactionTemplate transactions = new TransactionTemplate(new JdbcTransactionManager(source));
        return CompletableFuture.runAsync(
                () -> transactions.executeWithoutResult(status -> work.accept(new JdbcTemplate(source))),
                OwnThread.EACH);
    }

    private static void await(CountDownLatch latch) {
        Await.until("the other is so far", () -> latch.getCount() == 0);
    }

    @Test
    void aTransactionThatWouldBeginOutsideTheLockIsRefusedAtStart() {
        assertThatThrownBy(() -> application(TransactionsOutside.class, Accounts.class))
                .hasMessageContaining("@DistributedLock on " + Accounts.class.getName() + ".")
                .hasMessageContaining("its transaction would begin before the lock is acquired")
                .hasMessageContaining("@EnableDistributedLocks");
    }

    @Test
    void anOrderOfTheLockBeforeThatOfTheTransactionIsFine() {
        try (Application application = Application.ofOnly(
                Database.class, TransactionsOutside.class, LocksFurtherOutside.class, Accounts.class)) {
            application.get(Accounts.class).increment(1);
            assertThat(balance()).isEqualTo(1);
        }
    }

    @Test
    void anAnnotationThatBeginsNoTransactionMayStandOutside() {
        try (Application application = application(TransactionsOutside.class, NewTransactions.class)) {
            application.get(NewTransactions.class).withoutTransaction();
            application.awaitFree("without");
        }
    }

    // ---- In a transaction of the caller

    @Test
    void theKeyStaysTakenUntilTheTransactionOfTheCallerHasEnded() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            Accounts accounts = application.get(Accounts.class);
            application.get(TransactionTemplate.class).executeWithoutResult(status -> {
                accounts.increment(1);
                assertThat(application.other.tryAcquire("account:1")).isEmpty();
                accounts.increment(1);
            });
            application.awaitFree("account:1");
            assertThat(balance()).isEqualTo(2);
        }
    }

    @Test
    void theKeyIsFreeAfterTheTransactionOfTheCallerWasRolledBack() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            application.get(TransactionTemplate.class).executeWithoutResult(status -> {
                application.get(Accounts.class).increment(1);
                status.setRollbackOnly();
            });
            application.awaitFree("account:1");
            assertThat(balance()).isZero();
        }
    }

    // ---- When the lease is lost before the commit

    @Test
    void aTransactionIsCommittedAfterTheLossByDefaultAndTheCallerHearsOfIt() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            assertThatThrownBy(() -> application.get(Accounts.class).committedAfterTheLoss(1, application::loseAll))
                    .isInstanceOf(LeaseLostException.class);
            assertThat(balance()).isEqualTo(1);
        }
    }

    @Test
    void aTransactionIsRolledBackAfterTheLossIfAskedFor() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            assertThatThrownBy(() -> application.get(Accounts.class).rolledBackAfterTheLoss(1, application::loseAll))
                    .isInstanceOf(LeaseLostException.class)
                    .hasMessageContaining("so it is rolled back");
            assertThat(balance()).isZero();
        }
    }

    @Test
    void aTransactionWhoseLeaseIsNotLostIsCommitted() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            application.get(Accounts.class).rolledBackIfLost(1);
            assertThat(balance()).isEqualTo(1);
        }
    }

    @Test
    void aTransactionOfAMethodWithAFutureIsRolledBackToo() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            CompletableFuture<Void> result = application.get(Accounts.class).rolledBackLater(1, application::loseAll);
            assertThatThrownBy(() -> result.get(1, TimeUnit.MINUTES)).hasCauseInstanceOf(LeaseLostException.class);
            assertThat(balance()).isZero();
        }
    }

    @Test
    void aTransactionOfTheCallerIsRolledBackIfTheLeaseIsLostBeforeItIsCommitted() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            assertThatThrownBy(() -> application.get(TransactionTemplate.class).executeWithoutResult(status -> {
                        application.get(Accounts.class).inTransactionOfTheCaller(1);
                        application.loseAll();
                    }))
                    .isInstanceOf(LeaseLostException.class);
            assertThat(balance()).isZero();
        }
    }

    @Test
    void aTransactionOfTheCallerIsRolledBackThoughItHeldTheKeyBeforeTheCallThatAsksForIt() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            Accounts accounts = application.get(Accounts.class);
            assertThatThrownBy(() -> application.get(TransactionTemplate.class).executeWithoutResult(status -> {
                        accounts.locked(1);
                        accounts.inTransactionOfTheCaller(1);
                        application.loseAll();
                    }))
                    .isInstanceOf(LeaseLostException.class);
            assertThat(balance()).isZero();
        }
    }

    @Test
    void laterTransactionsOfTheThreadAreCommitted() {
        try (Application application = application(Transactions.class, Accounts.class)) {
            assertThatThrownBy(() -> application.get(Accounts.class).rolledBackAfterTheLoss(1, application::loseAll))
                    .isInstanceOf(LeaseLostException.class);
            application
                    .get(TransactionTemplate.class)
                    .executeWithoutResult(status -> write(application.get(JdbcTemplate.class), 5));
            assertThat(balance()).isEqualTo(5);
        }
    }

    @Component
    static class WithoutManager {
        @DistributedLock(name = "k", onLost = OnLeaseLost.ROLLBACK)
        void method() {}
    }

    @Test
    void rollbackWithoutATransactionManagerIsRefusedAtStart() {
        assertThatThrownBy(() -> Application.of(WithoutManager.class))
                .hasMessageContaining("WithoutManager.method()")
                .hasMessageContaining("onLost = ROLLBACK needs a bean of type TransactionManager");
    }
}
