package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.aopalliance.intercept.MethodInterceptor;
import org.junit.jupiter.api.Test;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;
import org.springframework.aop.support.DefaultPointcutAdvisor;
import org.springframework.aop.support.NameMatchMethodPointcut;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Role;
import org.springframework.core.Ordered;
import org.springframework.stereotype.Component;

/** The lease of a method that returns a stage ends with the stage. */
class FutureTest {

    @Component
    static class Calls {
        @DistributedLock(key = "#key", waitTime = "1h")
        CompletableFuture<String> future(String key, Callable<CompletableFuture<String>> body) throws Exception {
            return body.call();
        }

        @DistributedLock(key = "#key", waitTime = "0")
        CompletionStage<String> stage(String key, Callable<CompletionStage<String>> body) throws Exception {
            return body.call();
        }

        @DistributedLock(key = "#key", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        CompletableFuture<Optional<String>> skipped(String key) {
            return CompletableFuture.completedFuture(Optional.of("ran"));
        }

        @DistributedLock(key = "#key", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        CompletableFuture<String> skippedText(String key) {
            return CompletableFuture.completedFuture("ran");
        }

        @DistributedLock(key = "#key", waitTime = "0", notAcquiredHandler = "laterAnswers")
        CompletableFuture<String> handled(String key) {
            return CompletableFuture.completedFuture("ran");
        }

        @DistributedLock(key = "#key")
        CompletableFuture<String> runsOn(String key, Callable<CompletableFuture<String>> body) throws Exception {
            return body.call();
        }

        @DistributedLock(key = "#key", onLost = OnLeaseLost.INTERRUPT)
        CompletableFuture<String> isCancelled(String key, Callable<CompletableFuture<String>> body) throws Exception {
            return body.call();
        }

        /** As AspectJ's advice does: asks for the call that it is in. */
        @Bean
        @Role(BeanDefinition.ROLE_INFRASTRUCTURE)
        static DefaultPointcutAdvisor advisorWithin() {
            NameMatchMethodPointcut pointcut = new NameMatchMethodPointcut();
            pointcut.setMappedName("future");
            DefaultPointcutAdvisor advisor = new DefaultPointcutAdvisor(pointcut, (MethodInterceptor) call -> {
                assertThat(ExposeInvocationInterceptor.currentInvocation().getMethod())
                        .isEqualTo(call.getMethod());
                return call.proceed();
            });
            advisor.setOrder(Ordered.LOWEST_PRECEDENCE);
            return advisor;
        }

        @Bean
        static NotAcquiredHandler laterAnswers() {
            return (failure, method, arguments) -> CompletableFuture.completedFuture("no " + failure.key());
        }
    }

    @Test
    void theLeaseEndsWithTheFutureAndNotWithTheCall() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            CompletableFuture<String> body = new CompletableFuture<>();
            CompletableFuture<String> result = application.get(Calls.class).future("k", () -> body);

            Await.until("the lease is there", () -> application.isHeld("k"));
            assertThat(application.other.tryAcquire("k")).isEmpty();
            assertThat(result).isNotDone();
            body.complete("done");
            assertThat(result.get(1, TimeUnit.MINUTES)).isEqualTo("done");
            application.awaitFree("k");
        }
    }

    @Test
    void aStageIsAsGoodAsAFuture() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            CompletionStage<String> result = application
                    .get(Calls.class)
                    .stage("k", () -> CompletableFuture.completedFuture("done").minimalCompletionStage());
            assertThat(result.toCompletableFuture().get(1, TimeUnit.MINUTES)).isEqualTo("done");
            application.awaitFree("k");
        }
    }

    @Test
    void theCallerDoesNotWaitForTheLock() throws Exception {
        try (Application application = Application.of(Calls.class);
                Lease taken = application.other.acquire("k")) {
            CompletableFuture<String> result = application
                    .get(Calls.class)
                    .future("k", () -> CompletableFuture.completedFuture(application.isHeld("k") + ""));
            assertThat(result).isNotDone();
            taken.release();
            assertThat(result.get(1, TimeUnit.MINUTES)).isEqualTo("true");
        }
    }

    @Test
    void theMethodNeverStartsOnTheThreadOfTheCaller() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            for (int i = 0; i < 200; i++) {
                CompletableFuture<String> result = application
                        .get(Calls.class)
                        .future(
                                "k",
                                () -> CompletableFuture.completedFuture(
                                        Thread.currentThread().getName()));
                assertThat(result.get(1, TimeUnit.MINUTES))
                        .isNotEqualTo(Thread.currentThread().getName());
            }
        }
    }

    @Test
    void anAdvisorWithinTheLockFindsTheCallOnTheThreadThatItRunsOn() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            CompletableFuture<String> result =
                    application.get(Calls.class).future("k", () -> CompletableFuture.completedFuture("found"));
            assertThat(result.get(1, TimeUnit.MINUTES)).isEqualTo("found");
        }
    }

    @Test
    void oneCallRunsAtATime() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger most = new AtomicInteger();
            CompletableFuture<?>[] results = new CompletableFuture<?>[50];
            for (int i = 0; i < results.length; i++) {
                results[i] = application
                        .get(Calls.class)
                        .future(
                                "k",
                                () -> CompletableFuture.supplyAsync(
                                        () -> {
                                            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                                            Thread.yield();
                                            return inside.decrementAndGet() + "";
                                        },
                                        OwnThread.EACH));
            }
            CompletableFuture.allOf(results).get(1, TimeUnit.MINUTES);
            assertThat(most).hasValue(1);
        }
    }

    @Test
    void failuresFailTheFuture() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            assertFails(
                    calls.future("k", () -> {
                        throw new IOException("thrown");
                    }),
                    IOException.class);
            assertFails(
                    calls.future("k", () -> CompletableFuture.failedFuture(new IOException("failed"))),
                    IOException.class);
            assertFails(
                    calls.future(
                            "k",
                            () -> CompletableFuture.supplyAsync(
                                    () -> {
                                        throw new IllegalStateException("later");
                                    },
                                    OwnThread.EACH)),
                    IllegalStateException.class);
            assertFails(calls.future("", () -> null), IllegalArgumentException.class);
            application.awaitFree("k");
            try (Lease taken = application.other.acquire("k")) {
                assertFails(
                        calls.stage("k", () -> CompletableFuture.completedFuture("ran"))
                                .toCompletableFuture(),
                        LockNotAcquiredException.class);
                assertThat(taken.isValid()).isTrue();
            }
        }
    }

    private static void assertFails(CompletableFuture<?> future, Class<? extends Throwable> cause) {
        assertThatThrownBy(() -> future.get(1, TimeUnit.MINUTES))
                .isInstanceOf(ExecutionException.class)
                .cause()
                .isInstanceOf(cause);
    }

    @Test
    void aSkippedCallGivesAnEmptyFuture() throws Exception {
        try (Application application = Application.of(Calls.class);
                Lease taken = application.other.acquire("k")) {
            Calls calls = application.get(Calls.class);
            assertThat(calls.skipped("k").get(1, TimeUnit.MINUTES)).isEmpty();
            assertThat(calls.skippedText("k").get(1, TimeUnit.MINUTES)).isNull();
            assertThat(calls.handled("k").get(1, TimeUnit.MINUTES)).isEqualTo("no k");
            assertThat(calls.handled("free").get(1, TimeUnit.MINUTES)).isEqualTo("ran");
            assertThat(taken.isValid()).isTrue();
        }
    }

    @Test
    void aCancelledWaitLeavesNothingBehind() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            Lease taken = application.other.acquire("k");
            AtomicInteger ran = new AtomicInteger();
            CompletableFuture<String> result = application.get(Calls.class).future("k", () -> {
                ran.incrementAndGet();
                return CompletableFuture.completedFuture("ran");
            });
            Await.until("it waits", () -> !application.mutex.status().waiting().isEmpty());
            result.cancel(true);
            Await.until(
                    "nobody waits", () -> application.mutex.status().waiting().isEmpty());
            taken.release();
            application.awaitFree("k");
            assertThat(ran).hasValue(0);
        }
    }

    @Test
    void cancellingTheResultCancelsTheFutureOfTheMethod() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            CompletableFuture<String> body = new CompletableFuture<>();
            CountDownLatch started = new CountDownLatch(1);
            CompletableFuture<String> result = application.get(Calls.class).future("k", () -> {
                started.countDown();
                return body;
            });
            Await.until("it runs", () -> started.getCount() == 0);
            result.cancel(true);
            Await.until("the body is cancelled", body::isCancelled);
            application.awaitFree("k");
        }
    }

    @Test
    void aFutureThatCompletesAfterTheLossFails() throws Exception {
        try (Application application = Application.of(Calls.class)) {
            CompletableFuture<String> body = new CompletableFuture<>();
            CountDownLatch started = new CountDownLatch(1);
            CompletableFuture<String> result = application.get(Calls.class).runsOn("k", () -> {
                started.countDown();
                return body;
            });
            Await.until("it runs", () -> started.getCount() == 0);
            application.loseAll();
            assertThat(result).isNotDone();
            body.complete("too late");
            assertFails(result, LeaseLostException.class);
        }
    }

    @Test
    void aFutureIsCancelledAtTheLossIfAskedFor() {
        try (Application application = Application.of(Calls.class)) {
            CompletableFuture<String> body = new CompletableFuture<>();
            CountDownLatch started = new CountDownLatch(1);
            CompletableFuture<String> result = call(application, () -> {
                started.countDown();
                return body;
            });
            Await.until("it runs", () -> started.getCount() == 0);
            application.loseAll();
            assertFails(result, LeaseLostException.class);
            Await.until("the body is cancelled", body::isCancelled);
        }
    }

    @Test
    void theMethodIsInterruptedIfTheLossComesBeforeItsFuture() {
        try (Application application = Application.of(Calls.class)) {
            AtomicReference<Throwable> seen = new AtomicReference<>();
            CountDownLatch started = new CountDownLatch(1);
            CompletableFuture<String> result = call(application, () -> {
                started.countDown();
                try {
                    new CountDownLatch(1).await(1, TimeUnit.MINUTES);
                } catch (InterruptedException e) {
                    seen.set(e);
                    throw e;
                }
                return null;
            });
            Await.until("it runs", () -> started.getCount() == 0);
            application.loseAll();
            assertFails(result, LeaseLostException.class);
            Await.until("it was interrupted", () -> seen.get() != null);
        }
    }

    private static CompletableFuture<String> call(Application application, Callable<CompletableFuture<String>> body) {
        try {
            return application.get(Calls.class).isCancelled("k", body);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
