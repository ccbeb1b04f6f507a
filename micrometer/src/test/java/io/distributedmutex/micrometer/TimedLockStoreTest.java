package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Requests to a store are timed by what is asked and what comes of it. */
class TimedLockStoreTest {

    private static final String REQUESTS = "distributed.mutex.store.requests";

    private final ManualTime time = ManualTime.create().autoAdvance();
    private final Environment environment = time.newEnvironment();
    private final InMemoryLockStore server = new InMemoryLockStore(time);
    private final FaultyLockStore store = new FaultyLockStore(server, environment);
    private final MockClock clock = new MockClock();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);
    private final MutexMetrics metrics = MutexMetrics.create(registry);

    private DistributedMutex mutex() {
        return DistributedMutex.builder(store)
                .environment(environment)
                .decorateStore(metrics::timed)
                .build();
    }

    private Timer timer(String operation, String outcome) {
        return registry.get(REQUESTS)
                .tags("operation", operation, "outcome", outcome)
                .timer();
    }

    /** How often, by operation and outcome; what never happened is left out. */
    private Map<String, Long> counts() {
        Map<String, Long> counts = new TreeMap<>();
        for (Timer timer : registry.find(REQUESTS).timers()) {
            if (timer.count() > 0) {
                counts.put(
                        timer.getId().getTag("operation") + " " + timer.getId().getTag("outcome"), timer.count());
            }
        }
        return counts;
    }

    @Test
    void whoDoesNotAskForThemHasNoTimersOfRequests() {
        assertThat(registry.find(REQUESTS).timers()).isEmpty();
    }

    @Test
    void eachOperationIsTimed() {
        try (DistributedMutex mutex = mutex()) {
            assertThat(registry.find(REQUESTS).timers())
                    .as("there from the start")
                    .hasSize(24);
            assertThat(counts()).isEmpty();

            Lease lease = mutex.acquire("k");
            lease.extend(Duration.ofMinutes(2));
            mutex.inspect("k");
            lease.release();
            mutex.forceRelease("k");
            assertThat(counts())
                    .isEqualTo(Map.of(
                            "acquire answered", 1L,
                            "renew answered", 1L,
                            "inspect answered", 1L,
                            "release answered", 1L,
                            "force_release answered", 1L));

            server.putForeign("k", null);
            assertThat(mutex.tryAcquire("k", Duration.ofSeconds(1))).isEmpty();
            assertThat(counts()).containsEntry("cancel answered", 1L);
            assertThat(timer("acquire", "answered").count()).as("with polls").isGreaterThan(2);
        }
    }

    @Test
    void whatFailsIsTimedByHowItFails() {
        StoreException refused = new StoreRefusedException(StoreRefusedException.Reason.PERMISSION, "no", null);
        try (DistributedMutex mutex = mutex()) {
            store.failNext(1, Operation.INSPECT, refused);
            assertThatExceptionOfType(StoreRefusedException.class).isThrownBy(() -> mutex.inspect("k"));
            store.failNext(1, Operation.INSPECT);
            assertThatExceptionOfType(StoreUnreachableException.class).isThrownBy(() -> mutex.inspect("k"));
            assertThat(counts()).isEqualTo(Map.of("inspect refused", 1L, "inspect unreachable", 1L));
        }
    }

    @Test
    void anErrorOfTheStoreIsTimedAndThrown() {
        LockStore broken = metrics.timed(new InMemoryLockStore(time)); // not started, so it cannot be asked
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> broken.inspect("k"));
        assertThat(counts()).isEqualTo(Map.of("inspect failed", 1L));
    }

    @Test
    void aRequestIsTimedUntilItsAnswerAndBeforeAnybodyHearsOfThat() {
        store.start("label", "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {}

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {}
        });
        LockStore timed = metrics.timed(store);
        store.holdRequests(1, Operation.INSPECT);

        CompletableFuture<?> answer = timed.inspect("k")
                .whenComplete((value, failure) -> clock.add(Duration.ofHours(1)))
                .toCompletableFuture();
        clock.add(Duration.ofMillis(70));
        store.releaseHeld();

        assertThat(answer).isCompleted();
        assertThat(timer("inspect", "answered").totalTime(TimeUnit.MILLISECONDS))
                .isEqualTo(70);
    }

    @Test
    void nothingIsTimedOrRegisteredAfterTheEnd() {
        metrics.timed(store);
        metrics.close();
        assertThat(registry.getMeters()).isEmpty();
        assertThat(metrics.timed(store)).isSameAs(store);
        assertThat(registry.getMeters()).isEmpty();
    }

    /** Also of operations that have a default, which would not be passed on. */
    @Test
    void everyOperationOfAStoreIsPassedOn() {
        assertThat(Arrays.stream(LockStore.class.getMethods()))
                .isNotEmpty()
                .allSatisfy(operation -> assertThat(declared(operation)).isNotNull());
    }

    private static Method declared(Method operation) throws NoSuchMethodException {
        return TimedLockStore.class.getDeclaredMethod(operation.getName(), operation.getParameterTypes());
    }
}
