package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.testing.Await;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.aopalliance.intercept.MethodInterceptor;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;
import org.springframework.aop.support.DefaultPointcutAdvisor;
import org.springframework.aop.support.NameMatchMethodPointcut;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Role;
import org.springframework.core.Ordered;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/** The lease of a Mono or Flux is acquired on subscription, and ends with it. */
class PublisherTest {

    private static final Duration BOUND = Duration.ofMinutes(1);

    @Component
    static class Calls {
        @DistributedLock(key = "#key", waitTime = "1h")
        Mono<String> mono(String key, Supplier<Mono<String>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", waitTime = "0")
        Mono<String> monoAtOnce(String key, Supplier<Mono<String>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", waitTime = "1h")
        Flux<Integer> flux(String key, Supplier<Flux<Integer>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", waitTime = "1h")
        Publisher<Integer> publisher(String key, Supplier<Publisher<Integer>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        Mono<String> skippedMono(String key) {
            return Mono.just("ran");
        }

        @DistributedLock(key = "#key", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        Flux<String> skippedFlux(String key) {
            return Flux.just("ran");
        }

        @DistributedLock(key = "#key", waitTime = "0", notAcquiredHandler = "monoAnswers")
        Mono<String> handled(String key) {
            return Mono.just("ran");
        }

        @DistributedLock(key = "#key")
        Mono<String> runsOn(String key, Supplier<Mono<String>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", onLost = OnLeaseLost.INTERRUPT)
        Mono<String> stoppedMono(String key, Supplier<Mono<String>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", onLost = OnLeaseLost.INTERRUPT)
        Flux<Integer> stoppedFlux(String key, Supplier<Flux<Integer>> body) {
            return body.get();
        }

        @DistributedLock(key = "#key")
        String value(String key, Supplier<String> body) {
            return body.get();
        }

        @DistributedLock(key = "#key", waitTime = "1h")
        Mono<String> advised(String key) {
            return Mono.just("ran");
        }

        /** As AspectJ's advice does: asks for the call that it is in. */
        @Bean
        @Role(BeanDefinition.ROLE_INFRASTRUCTURE)
        static DefaultPointcutAdvisor advisorWithin() {
            NameMatchMethodPointcut pointcut = new NameMatchMethodPointcut();
            pointcut.setMappedName("advised");
            DefaultPointcutAdvisor advisor = new DefaultPointcutAdvisor(pointcut, (MethodInterceptor) call -> {
                String within = ExposeInvocationInterceptor.currentInvocation()
                        .getMethod()
                        .getName();
                return ((Mono<?>) call.proceed()).map(result -> result + " within " + within);
            });
            advisor.setOrder(Ordered.LOWEST_PRECEDENCE);
            return advisor;
        }

        @Bean
        static NotAcquiredHandler monoAnswers() {
            return (failure, method, arguments) -> Mono.just("no " + failure.key());
        }
    }

    @Test
    void nothingHappensBeforeTheSubscription() {
        try (Application application = Application.of(Calls.class)) {
            AtomicInteger called = new AtomicInteger();
            Mono<String> mono = application.get(Calls.class).mono("k", () -> {
                called.incrementAndGet();
                return Mono.just("done");
            });
            assertThat(application.isHeld("k")).isFalse();
            assertThat(called).hasValue(0);
            assertThat(mono.block(BOUND)).isEqualTo("done");
            assertThat(called).hasValue(1);
            application.awaitFree("k");
        }
    }

    @Test
    void theLeaseIsHeldUntilTheMonoEnds() {
        try (Application application = Application.of(Calls.class)) {
            Sinks.One<String> body = Sinks.one();
            List<String> seen = new ArrayList<>();
            Disposable subscription =
                    application.get(Calls.class).mono("k", body::asMono).subscribe(seen::add);
            Await.until("the lease is there", () -> application.isHeld("k"));
            assertThat(application.other.tryAcquire("k")).isEmpty();
            body.tryEmitValue("done");
            Await.until("it has ended", subscription::isDisposed);
            assertThat(seen).containsExactly("done");
            application.awaitFree("k");
        }
    }

    @Test
    void theLeaseOfAFluxIsHeldUntilItsLastElement() {
        try (Application application = Application.of(Calls.class)) {
            List<Boolean> held = application
                    .get(Calls.class)
                    .flux("k", () -> Flux.range(1, 3).publishOn(Schedulers.boundedElastic()))
                    .map(number -> application.isHeld("k"))
                    .collectList()
                    .block(BOUND);
            assertThat(held).containsExactly(true, true, true);
            application.awaitFree("k");
            List<Integer> numbers = Flux.from(application.get(Calls.class).publisher("k", () -> Flux.range(1, 3)))
                    .collectList()
                    .block(BOUND);
            assertThat(numbers).containsExactly(1, 2, 3);
        }
    }

    @Test
    void eachSubscriptionHasALeaseOfItsOwn() {
        try (Application application = Application.of(Calls.class)) {
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger most = new AtomicInteger();
            Mono<String> mono = application
                    .get(Calls.class)
                    .mono(
                            "k",
                            () -> Mono.fromCallable(() -> {
                                        most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                                        Thread.yield();
                                        inside.decrementAndGet();
                                        return "ran";
                                    })
                                    .subscribeOn(Schedulers.boundedElastic()));
            List<String> all =
                    Flux.range(0, 50).flatMap(i -> mono, 50).collectList().block(BOUND);
            assertThat(all).hasSize(50);
            assertThat(most).hasValue(1);
        }
    }

    @Test
    void anAdvisorWithinTheLockIsPassedByEachSubscription() {
        try (Application application = Application.of(Calls.class)) {
            Mono<String> mono = application.get(Calls.class).advised("k");
            assertThat(mono.block(BOUND)).isEqualTo("ran within advised");
            assertThat(mono.block(BOUND)).isEqualTo("ran within advised");
        }
    }

    @Test
    void failuresAreSignalled() {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            assertThatThrownBy(() -> calls.mono("k", () -> Mono.error(new IllegalStateException("signalled")))
                            .block(BOUND))
                    .hasMessage("signalled");
            assertThatThrownBy(() -> calls.mono("k", () -> {
                                throw new IllegalStateException("thrown");
                            })
                            .block(BOUND))
                    .hasMessage("thrown");
            assertThatThrownBy(() -> calls.flux("k", () -> Flux.error(new IllegalStateException("signalled")))
                            .blockLast(BOUND))
                    .hasMessage("signalled");
            Mono<String> withoutKey = calls.mono("", () -> Mono.just("ran"));
            assertThatThrownBy(() -> withoutKey.block(BOUND)).isInstanceOf(IllegalArgumentException.class);
            application.awaitFree("k");
            try (Lease taken = application.other.acquire("k")) {
                assertThatThrownBy(() ->
                                calls.monoAtOnce("k", () -> Mono.just("ran")).block(BOUND))
                        .isInstanceOf(LockNotAcquiredException.class);
                assertThat(taken.isValid()).isTrue();
            }
        }
    }

    @Test
    void aSkippedSubscriptionIsEmpty() {
        try (Application application = Application.of(Calls.class);
                Lease taken = application.other.acquire("k")) {
            Calls calls = application.get(Calls.class);
            assertThat(calls.skippedMono("k").blockOptional(BOUND)).isEmpty();
            assertThat(calls.skippedFlux("k").collectList().block(BOUND)).isEmpty();
            assertThat(calls.handled("k").block(BOUND)).isEqualTo("no k");
            assertThat(calls.handled("free").block(BOUND)).isEqualTo("ran");
            assertThat(taken.isValid()).isTrue();
        }
    }

    @Test
    void aCancelledSubscriptionGivesTheLeaseBack() {
        try (Application application = Application.of(Calls.class)) {
            CountDownLatch started = new CountDownLatch(1);
            AtomicBoolean cancelled = new AtomicBoolean();
            Disposable subscription = application
                    .get(Calls.class)
                    .mono(
                            "k",
                            () -> Mono.<String>never()
                                    .doOnSubscribe(s -> started.countDown())
                                    .doOnCancel(() -> cancelled.set(true)))
                    .subscribe();
            Await.until("it runs", () -> started.getCount() == 0);
            subscription.dispose();
            application.awaitFree("k");
            assertThat(cancelled).isTrue();
        }
    }

    @Test
    void aCancelledWaitLeavesNothingBehind() {
        try (Application application = Application.of(Calls.class)) {
            Lease taken = application.other.acquire("k");
            Disposable subscription = application
                    .get(Calls.class)
                    .mono("k", () -> Mono.just("ran"))
                    .subscribe();
            Await.until("it waits", () -> !application.mutex.status().waiting().isEmpty());
            subscription.dispose();
            Await.until(
                    "nobody waits", () -> application.mutex.status().waiting().isEmpty());
            taken.release();
            application.awaitFree("k");
        }
    }

    @Test
    void aSubscriptionWithinOneThatHoldsTheKeyRunsUnderItsLease() {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            String result = calls.mono(
                            "k",
                            () -> Mono.just("outer")
                                    .publishOn(Schedulers.boundedElastic())
                                    .flatMap(outer -> calls.monoAtOnce("k", () -> Mono.just(outer + " inner"))))
                    .block(BOUND);
            assertThat(result).isEqualTo("outer inner");
            application.awaitFree("k");
        }
    }

    @Test
    void aSubscriptionOfAThreadThatHoldsTheKeyRunsUnderItsLease() {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            String result = calls.value(
                    "k", () -> calls.monoAtOnce("k", () -> Mono.just("inner")).block(BOUND));
            assertThat(result).isEqualTo("inner");
            application.awaitFree("k");
        }
    }

    @Test
    void aMonoThatEndsAfterTheLossFails() {
        try (Application application = Application.of(Calls.class)) {
            assertThatThrownBy(() -> application
                            .get(Calls.class)
                            .runsOn(
                                    "k",
                                    () -> Mono.fromCallable(() -> {
                                        application.loseAll();
                                        return "too late";
                                    }))
                            .block(BOUND))
                    .isInstanceOf(LeaseLostException.class)
                    .hasMessageContaining("Calls.runsOn(String, Supplier) ran");
        }
    }

    @Test
    void aSubscriptionIsCancelledAtTheLossIfAskedFor() {
        try (Application application = Application.of(Calls.class)) {
            Calls calls = application.get(Calls.class);
            AtomicInteger cancelled = new AtomicInteger();
            AtomicInteger started = new AtomicInteger();
            Mono<String> mono = calls.stoppedMono(
                    "k",
                    () -> Mono.<String>never()
                            .doOnSubscribe(s -> started.incrementAndGet())
                            .doOnCancel(cancelled::incrementAndGet));
            Flux<Integer> flux = calls.stoppedFlux(
                    "k2",
                    () -> Flux.just(1)
                            .concatWith(Flux.never())
                            .doOnSubscribe(s -> started.incrementAndGet())
                            .doOnCancel(cancelled::incrementAndGet));
            CompletableFuture<String> one = mono.toFuture();
            CompletableFuture<List<Integer>> other = flux.collectList().toFuture();
            Await.until("both run", () -> started.get() == 2);
            application.loseAll();
            assertThatThrownBy(() -> one.get(1, TimeUnit.MINUTES)).hasCauseInstanceOf(LeaseLostException.class);
            assertThatThrownBy(() -> other.get(1, TimeUnit.MINUTES)).hasCauseInstanceOf(LeaseLostException.class);
            Await.until("both are cancelled", () -> cancelled.get() == 2);
        }
    }

    @Test
    void aSubscriptionThatEndsInTimeIsNotStopped() {
        try (Application application = Application.of(Calls.class)) {
            List<Integer> numbers = application
                    .get(Calls.class)
                    .stoppedFlux("k", () -> Flux.range(1, 3))
                    .collectList()
                    .block(BOUND);
            assertThat(numbers).containsExactly(1, 2, 3);
        }
    }
}
