package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testing.Await;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.scheduling.annotation.Async;
import org.springframework.scheduling.annotation.EnableAsync;
import org.springframework.stereotype.Component;

/** With @Async on the same method, the body must run under the lock, whichever stands outside. */
class AsyncTest {

    @Configuration
    @EnableAsync
    static class AsyncOutside {
        @Bean
        AsyncTaskExecutor executor() {
            return new SimpleAsyncTaskExecutor("test-async-");
        }
    }

    /** Registered before what makes proxies, so that the proxy of the lock surrounds that of the executor. */
    @Configuration
    @EnableAsync(order = Ordered.HIGHEST_PRECEDENCE)
    static class AsyncInside {
        @Bean
        AsyncTaskExecutor executor() {
            return new SimpleAsyncTaskExecutor("test-async-");
        }
    }

    @Configuration
    @EnableDistributedLocks(proxyTargetClass = true)
    static class LocksOutside {}

    @Component
    static class Futures {
        @Async
        @DistributedLock(name = "k", waitTime = "1m")
        CompletableFuture<String> later(CompletableFuture<Void> until) {
            until.join();
            return CompletableFuture.completedFuture(Thread.currentThread().getName());
        }
    }

    @Component
    static class Voids {
        @Async
        @DistributedLock(name = "k", waitTime = "1m")
        void later(CountDownLatch until) {
            Await.until("it may go on", () -> until.getCount() == 0);
        }
    }

    @Test
    void aMethodThatAnExecutorCallsRunsUnderTheLockOnItsThread() throws Exception {
        try (Application application = Application.of(AsyncOutside.class, Futures.class)) {
            CompletableFuture<Void> until = new CompletableFuture<>();
            CompletableFuture<String> result = application.get(Futures.class).later(until);
            Await.until("the lease is there", () -> application.isHeld("k"));
            until.complete(null);
            assertThat(result.get(1, TimeUnit.MINUTES)).startsWith("test-async-");
            application.awaitFree("k");
        }
    }

    @Test
    void aMethodWithoutAResultThatAnExecutorCallsRunsUnderTheLock() {
        try (Application application = Application.of(AsyncOutside.class, Voids.class)) {
            CountDownLatch until = new CountDownLatch(1);
            application.get(Voids.class).later(until);
            Await.until("the lease is there", () -> application.isHeld("k"));
            until.countDown();
            application.awaitFree("k");
        }
    }

    @Test
    void aLockAroundAFutureOfAnExecutorEndsWithTheFuture() throws Exception {
        try (Application application = Application.ofOnly(AsyncInside.class, LocksOutside.class, Futures.class)) {
            CompletableFuture<Void> until = new CompletableFuture<>();
            CompletableFuture<String> result = application.get(Futures.class).later(until);
            Await.until("the lease is there", () -> application.isHeld("k"));
            until.complete(null);
            assertThat(result.get(1, TimeUnit.MINUTES)).startsWith("test-async-");
            application.awaitFree("k");
        }
    }

    @Test
    void aMethodWithoutAResultThatWouldRunOutsideTheLockIsRefused() {
        assertThatThrownBy(() -> Application.ofOnly(AsyncInside.class, LocksOutside.class, Voids.class))
                .hasMessageContaining(
                        "Voids.later(CountDownLatch): @Async would start the method on another thread and release"
                                + " the lock at once");
    }
}
