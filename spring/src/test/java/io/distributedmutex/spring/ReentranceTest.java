package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.stereotype.Component;

class ReentranceTest {

    @Component
    static class Calls {
        @DistributedLock(key = "#key", waitTime = "0")
        <T> T under(String key, Callable<T> body) throws Exception {
            return body.call();
        }

        @DistributedLock(key = "#key", waitTime = "0", mutex = "second")
        <T> T onAnotherMutex(String key, Callable<T> body) throws Exception {
            return body.call();
        }

        @DistributedLock(key = "#key", waitTime = "0")
        CompletableFuture<String> later(String key, CompletableFuture<String> body) {
            return body;
        }

        @Bean(destroyMethod = "close", defaultCandidate = false)
        static DistributedMutex second() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }
    }

    @Test
    void aCallWithinACallOnTheSameKeyRunsUnderItsLease() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            String result = calls.under("k", () -> {
                OptionalLong token =
                        application.mutex.inspect("k").orElseThrow().fencingToken();
                String inner = calls.under("k", () -> calls.under("k", () -> "inner"));
                assertThat(application.mutex.inspect("k").orElseThrow().fencingToken())
                        .isEqualTo(token);
                return inner;
            });
            assertThat(result).isEqualTo("inner");
            application.awaitFree("k");
        }
    }

    @Test
    void theKeyIsFreeAfterTheOutermostCallThoughAnInnerOneFailed() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            calls.under("k", () -> {
                assertThatThrownBy(() -> calls.under("k", () -> {
                            throw new IllegalStateException("inner");
                        }))
                        .hasMessage("inner");
                assertThat(application.isHeld("k")).isTrue();
                return null;
            });
            application.awaitFree("k");
        }
    }

    @Test
    void anotherKeyWithinACallIsAcquired() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            calls.under(
                    "a",
                    () -> calls.under("b", () -> {
                        assertThat(application.store.contents().heldKeys()).containsExactly("a", "b");
                        return null;
                    }));
            application.awaitFree("a");
            application.awaitFree("b");
        }
    }

    @Test
    void theSameKeyOfAnotherMutexIsAnotherKey() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            String result = calls.under("k", () -> calls.onAnotherMutex("k", () -> "both"));
            assertThat(result).isEqualTo("both");
        }
    }

    @Test
    void aCallOfAnotherThreadWaits() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            ExecutorService thread = Executors.newSingleThreadExecutor();
            calls.under("k", () -> {
                assertThatThrownBy(() -> thread.submit(() -> calls.under("k", () -> "entered"))
                                .get())
                        .isInstanceOf(ExecutionException.class)
                        .hasCauseInstanceOf(LockNotAcquiredException.class);
                return null;
            });
            thread.shutdown();
        }
    }

    @Test
    void aCallWithinACallWhoseLeaseIsLostThrowsAtOnce() {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            assertThatThrownBy(() -> calls.under("k", () -> {
                        application.loseAll();
                        return calls.under("k", () -> {
                            throw new AssertionError("ran without a lease");
                        });
                    }))
                    .isInstanceOf(LeaseLostException.class);
        }
    }

    @Test
    void aFutureWithinACallKeepsTheLeaseBeyondIt() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            CompletableFuture<String> body = new CompletableFuture<>();
            CompletableFuture<String> later = calls.under("k", () -> calls.later("k", body));

            assertThat(application.isHeld("k")).isTrue();
            assertThat(application.other.tryAcquire("k")).isEmpty();
            body.complete("late");
            assertThat(later.get(1, TimeUnit.MINUTES)).isEqualTo("late");
            application.awaitFree("k");
        }
    }

    @Test
    void aHoldThatHasEndedIsNotEnteredAgain() {
        try (Application application = Application.of(Calls.class)) {
            Hold hold = new Hold(application.mutex, application.mutex.acquire("k"));
            assertThat(hold.enter()).isTrue();
            hold.leave();
            hold.leave();
            assertThat(hold.enter()).isFalse();
            application.awaitFree("k");
        }
    }

    @Test
    void afterTheOutermostCallItsThreadAcquiresAnew() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            calls.under("k", () -> null);
            application.awaitFree("k");
            application.other.acquire("k");
            assertThatThrownBy(() -> calls.under("k", () -> "entered")).isInstanceOf(LockNotAcquiredException.class);
        }
    }
}
