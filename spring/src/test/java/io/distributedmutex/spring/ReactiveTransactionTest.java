package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.LeaseLostException;
import io.distributedmutex.testing.Await;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.stereotype.Component;
import org.springframework.transaction.ReactiveTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.reactive.AbstractReactiveTransactionManager;
import org.springframework.transaction.reactive.GenericReactiveTransaction;
import org.springframework.transaction.reactive.TransactionSynchronizationManager;
import reactor.core.publisher.Mono;

/** The transaction of a Mono stands within the lock, as that of any other method. */
class ReactiveTransactionTest {

    /** Writes down what it is asked to do, and what of it is done under the lease. */
    private static final class Recording extends AbstractReactiveTransactionManager {
        private static final long serialVersionUID = 1L;

        final transient List<String> events = new CopyOnWriteArrayList<>();

        private Mono<Void> record(String event) {
            return Mono.fromRunnable(() -> events.add(event));
        }

        @Override
        protected Object doGetTransaction(TransactionSynchronizationManager synchronizations) {
            return new Object();
        }

        @Override
        protected Mono<Void> doBegin(
                TransactionSynchronizationManager synchronizations,
                Object transaction,
                TransactionDefinition definition) {
            return record("begin");
        }

        @Override
        protected Mono<Void> doCommit(
                TransactionSynchronizationManager synchronizations, GenericReactiveTransaction status) {
            return record("commit");
        }

        @Override
        protected Mono<Void> doRollback(
                TransactionSynchronizationManager synchronizations, GenericReactiveTransaction status) {
            return record("roll back");
        }
    }

    @Configuration
    @EnableTransactionManagement
    static class Transactions {
        @Bean
        ReactiveTransactionManager transactionManager() {
            return new Recording();
        }
    }

    @Component
    static class Accounts {
        @Transactional
        @DistributedLock(name = "k", onLost = OnLeaseLost.ROLLBACK)
        public Mono<String> increment(Mono<String> body) {
            return body;
        }
    }

    @Test
    void aTransactionIsCommittedUnderTheLease() {
        try (Application application = Application.of(Transactions.class, Accounts.class)) {
            Recording transactions = application.get(Recording.class);
            String result = application
                    .get(Accounts.class)
                    .increment(Mono.fromCallable(() -> transactions.events + ", held: " + application.isHeld("k")))
                    .block(Duration.ofMinutes(1));
            assertThat(result).isEqualTo("[begin], held: true");
            assertThat(transactions.events).containsExactly("begin", "commit");
            application.awaitFree("k");
        }
    }

    @Test
    void aTransactionWhoseLeaseIsLostIsRolledBack() {
        try (Application application = Application.of(Transactions.class, Accounts.class)) {
            Recording transactions = application.get(Recording.class);
            CompletableFuture<String> result = application
                    .get(Accounts.class)
                    .increment(Mono.<String>never().doOnSubscribe(s -> transactions.events.add("run")))
                    .toFuture();
            Await.until("it runs", () -> transactions.events.contains("run"));
            application.loseAll();
            assertThatThrownBy(() -> result.get(1, TimeUnit.MINUTES)).hasCauseInstanceOf(LeaseLostException.class);
            Await.until("it is rolled back", () -> transactions.events.contains("roll back"));
            assertThat(transactions.events).containsExactly("begin", "run", "roll back");
        }
    }
}
