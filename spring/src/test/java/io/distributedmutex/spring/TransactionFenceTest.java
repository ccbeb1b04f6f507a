package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.jdbc.FenceDialect;
import io.distributedmutex.jdbc.JdbcFence;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.jdbc.BadSqlGrammarException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.stereotype.Component;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;

/** A fence in Spring's transactions, on H2. */
class TransactionFenceTest {

    private static final String URL = "jdbc:h2:mem:fenced;LOCK_TIMEOUT=60000";
    private static final JdbcFence FENCE = JdbcFence.create();

    /** Keeps the database alive. */
    private Connection database;

    private final DataSource dataSource = new DriverManagerDataSource(URL);
    private final JdbcTemplate jdbc = new JdbcTemplate(dataSource);
    private final TransactionTemplate transactions = new TransactionTemplate(new JdbcTransactionManager(dataSource));
    private final TransactionFence fence = new TransactionFence(dataSource, FENCE);

    @BeforeEach
    void createAccount() throws SQLException {
        database = DriverManager.getConnection(URL);
        jdbc.execute(FENCE.ddl(FenceDialect.H2));
        jdbc.execute("CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL)");
        jdbc.update("INSERT INTO account VALUES (1, 0)");
    }

    @AfterEach
    void dropDatabase() throws SQLException {
        database.createStatement().execute("SHUTDOWN");
    }

    private int balance() {
        return jdbc.queryForObject("SELECT balance FROM account WHERE id = 1", Integer.class);
    }

    private void add(int amount) {
        jdbc.update("UPDATE account SET balance = balance + ? WHERE id = 1", amount);
    }

    @Configuration
    @EnableTransactionManagement
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
        TransactionFence fence(DataSource dataSource) {
            return new TransactionFence(dataSource, FENCE);
        }
    }

    @Component
    static class Balances {
        private final JdbcTemplate jdbc;
        private final TransactionFence fence;

        Balances(DataSource dataSource, TransactionFence fence) {
            this.jdbc = new JdbcTemplate(dataSource);
            this.fence = fence;
        }

        @Transactional
        @DistributedLock(key = "'account:' + #id")
        public void add(int id, int amount, Runnable before) {
            before.run();
            fence.check();
            jdbc.update("UPDATE account SET balance = balance + ? WHERE id = ?", amount, id);
        }

        /** Checks too late. */
        @Transactional
        @DistributedLock(key = "'account:' + #id")
        public void addAndThenCheck(int id, int amount, Runnable between) {
            jdbc.update("INSERT INTO account VALUES (?, ?)", id, amount);
            between.run();
            fence.check();
        }
    }

    /** Takes the key from its holder, who is not told, and writes under it. */
    private void overtake(Application application, String key, int amount) {
        application.other.forceRelease(key);
        try (Lease lease = application.other.acquire(key)) {
            transactions.executeWithoutResult(status -> {
                fence.check(lease);
                add(amount);
            });
        }
    }

    @Test
    void aHolderWritesUnderTheLeaseOfItsAnnotation() {
        try (Application application = Application.of(Database.class, Balances.class)) {
            Balances balances = application.get(Balances.class);
            balances.add(1, 1, () -> {});
            balances.add(1, 10, () -> {});
            assertThat(balance()).isEqualTo(11);
            assertThat(jdbc.queryForObject("SELECT count(*) FROM fencing_token", Integer.class))
                    .isEqualTo(1);
        }
    }

    @Test
    void aHolderThatWasOvertakenIsRefusedAndHasWrittenNothing() {
        try (Application application = Application.of(Database.class, Balances.class)) {
            Balances balances = application.get(Balances.class);
            assertThatExceptionOfType(StaleTokenException.class)
                    .isThrownBy(() -> balances.add(1, 1, () -> overtake(application, "account:1", 10)))
                    .satisfies(e -> assertThat(e.resource()).isEqualTo("account:1"));
            assertThat(balance()).isEqualTo(10);
        }
    }

    @Test
    void aRefusalRollsBackWhatWasWrittenBeforeIt() {
        try (Application application = Application.of(Database.class, Balances.class)) {
            Balances balances = application.get(Balances.class);
            assertThatExceptionOfType(StaleTokenException.class)
                    .isThrownBy(() -> balances.addAndThenCheck(2, 1, () -> overtake(application, "account:2", 10)));
            assertThat(jdbc.queryForObject("SELECT count(*) FROM account", Integer.class))
                    .isEqualTo(1);
        }
    }

    @Test
    void aHolderThatKnowsOfItsLossIsRefusedWithoutTheDatabase() {
        try (Application application = Application.of(Database.class, Balances.class)) {
            Balances balances = application.get(Balances.class);
            assertThatExceptionOfType(LeaseLostException.class)
                    .isThrownBy(() -> balances.add(1, 1, application::loseAll))
                    .withMessageContaining("nothing may be written to 'account:1'");
            assertThat(balance()).isZero();
            assertThat(jdbc.queryForObject("SELECT count(*) FROM fencing_token", Integer.class))
                    .isZero();
        }
    }

    @Test
    void withATransactionTemplateTheLeaseIsGiven() {
        try (DistributedMutex mutex =
                        DistributedMutex.builder(new InMemoryLockStore()).build();
                Lease lease = mutex.acquire("account:1")) {
            transactions.executeWithoutResult(status -> {
                fence.check("accounts", lease);
                add(1);
            });
            assertThat(balance()).isEqualTo(1);
            assertThatExceptionOfType(StaleTokenException.class)
                    .isThrownBy(() -> transactions.executeWithoutResult(status -> {
                        jdbc.update("UPDATE fencing_token SET token = token + 1");
                        fence.check("accounts", lease);
                    }));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> transactions.executeWithoutResult(status -> fence.check("", lease)))
                    .withMessage("resource must not be empty");
        }
    }

    @Test
    void aTokenThatCameWithARequestIsChecked() {
        transactions.executeWithoutResult(status -> fence.check("account:1", 42));
        transactions.executeWithoutResult(status -> fence.check("account:1", 42));
        assertThatExceptionOfType(StaleTokenException.class)
                .isThrownBy(() -> transactions.executeWithoutResult(status -> {
                    add(1);
                    fence.check("account:1", 41);
                }));
        assertThat(balance()).isZero();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> transactions.executeWithoutResult(status -> fence.check("account:1", 0)))
                .withMessage("token must be a number from 1 to 2^53 - 1, but is '0'");
    }

    @Test
    void aDataSourceThatKnowsTransactionsIsTheSameAsTheOneBehindIt() {
        TransactionFence behindProxy = new TransactionFence(new TransactionAwareDataSourceProxy(dataSource), FENCE);
        try (DistributedMutex mutex =
                        DistributedMutex.builder(new InMemoryLockStore()).build();
                Lease lease = mutex.acquire("account:1")) {
            transactions.executeWithoutResult(status -> {
                behindProxy.check(lease);
                status.setRollbackOnly();
            });
            assertThat(jdbc.queryForObject("SELECT count(*) FROM fencing_token", Integer.class))
                    .as("checked in the transaction")
                    .isZero();
        }
    }

    @Test
    void whereACheckWouldProtectNothingItIsAnError() {
        TransactionFence ofAnotherDatabase = new TransactionFence(new DriverManagerDataSource(URL), FENCE);
        try (DistributedMutex mutex =
                        DistributedMutex.builder(new InMemoryLockStore()).build();
                Lease lease = mutex.acquire("account:1")) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> fence.check(lease))
                    .withMessageContaining("there is no transaction");
            assertThatIllegalStateException()
                    .isThrownBy(() -> transactions.executeWithoutResult(status -> ofAnotherDatabase.check(lease)))
                    .withMessageContaining("the transaction is not one of this data source");
            assertThatIllegalStateException()
                    .isThrownBy(() -> transactions.executeWithoutResult(status -> fence.check()))
                    .withMessageContaining("has no lease");
        }
    }

    @Test
    void whatTheDatabaseSaysComesAsSpringsExceptions() {
        TransactionTemplate snapshots = new TransactionTemplate(new JdbcTransactionManager(dataSource));
        snapshots.setIsolationLevel(TransactionDefinition.ISOLATION_SERIALIZABLE);
        try (DistributedMutex mutex =
                        DistributedMutex.builder(new InMemoryLockStore()).build();
                Lease lease = mutex.acquire("account:1")) {
            transactions.executeWithoutResult(status -> fence.check(lease));
            assertThatExceptionOfType(ConcurrencyFailureException.class)
                    .isThrownBy(() -> snapshots.executeWithoutResult(status -> {
                        balance();
                        TransactionTemplate another = new TransactionTemplate(transactions.getTransactionManager());
                        another.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
                        another.executeWithoutResult(
                                inner -> jdbc.update("UPDATE fencing_token SET token = token - 1"));
                        fence.check(lease);
                    }));
            jdbc.execute("DROP TABLE fencing_token");
            assertThatExceptionOfType(BadSqlGrammarException.class)
                    .isThrownBy(() -> transactions.executeWithoutResult(status -> fence.check(lease)))
                    .withStackTraceContaining("fencing_token");
        }
    }
}
