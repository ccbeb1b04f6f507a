package io.distributedmutex.verification.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Fuzz;
import io.distributedmutex.testing.OddInput;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Any duration: refused with its bounds, or honoured; nothing overflows. */
@LeavesNothing
class OptionsFuzzTest {

    private static final Duration YEAR = Duration.ofDays(365);

    @Test
    void anyDurationIsRefusedOrHonoured() throws Exception {
        int[] honoured = {0};
        Fuzz.rounds(3_000, input -> {
            // Most of the five are left sensible, or hardly any set would pass.
            LockOptions.Builder builder = LockOptions.builder();
            for (Consumer<Duration> option : List.<Consumer<Duration>>of(
                    builder::leaseTime,
                    builder::waitTime,
                    builder::retryInterval,
                    builder::autoRenew,
                    builder::minimumHold)) {
                if (input.oneIn(3)) {
                    option.accept(input.duration());
                }
            }
            if (!isRefused(builder::build)) {
                honoured[0]++;
                checkHonoured(builder.build(), input);
            }
        });
        assertThat(honoured[0]).isPositive();
    }

    private static void checkHonoured(LockOptions options, OddInput input) {
        ManualTime time = ManualTime.create();
        try (DistributedMutex mutex = DistributedMutex.builder(new InMemoryLockStore(time))
                .environment(time)
                .options(options)
                .build()) {
            Lease lease = mutex.acquire("k");
            assertThat(lease.remaining()).isBetween(Duration.ofMillis(1), options.leaseTime());
            Duration extension = input.duration();
            Consumer<Duration> method = input.oneIn(2) ? lease::extend : least -> ensure(lease, least, options);
            assertThat(isRefused(() -> method.accept(extension)))
                    .isEqualTo(extension.compareTo(Duration.ofMillis(10)) < 0 || extension.compareTo(YEAR) > 0);
            assertThat(lease.isValid()).isTrue();
            // To ensure a time, a little more is asked for.
            assertThat(lease.remaining()).isBetween(Duration.ofMillis(1), YEAR.plusDays(8));
            assertThat(lease.release()).isTrue();
            time.advance(options.minimumHold().plusMillis(1));
            assertThat(mutex.tryAcquire("k").orElseThrow().release()).isTrue();
        }
    }

    /** What is beyond the maximum hold cannot be ensured, and nothing is lost by the attempt. */
    private static void ensure(Lease lease, Duration least, LockOptions options) {
        try {
            lease.ensure(least);
        } catch (LeaseLostException e) {
            assertThat(options.renews()).as("renewed: %s", e.getMessage()).isTrue();
            assertThat(least).isGreaterThan(lease.remaining());
        }
    }

    @Test
    void anyTimeToWaitIsHonouredByTheAdapterAndTheLockView() throws Exception {
        try (DistributedMutex mutex =
                DistributedMutex.builder(new InMemoryLockStore()).build()) {
            Fuzz.rounds(400, input -> {
                long time = input.anyLong();
                TimeUnit unit = input.oneOf(List.of(TimeUnit.values()));
                Lock lock = mutex.asLock("k");
                MutexAdapter adapter = new MutexAdapter(mutex);
                Duration duration = input.duration();
                if (!isRefused(() -> assertThat(adapter.acquire("k", duration)).isTrue())) {
                    // Long enough for the release to come first; a shorter one may be over before it, even before the
                    // store has answered.
                    boolean isLong = unit.toMillis(time) >= 1_000;
                    AtomicReference<Object> outcome = new AtomicReference<>("none");
                    Thread waiting = new Thread(() -> outcome.set(tried(lock, time, unit)));
                    waiting.start();
                    if (time <= 0) {
                        Await.until("the end of no wait", () -> !waiting.isAlive());
                        assertThat(outcome.get()).isEqualTo(false);
                    }
                    assertThat(adapter.release("k")).isTrue();
                    Await.until("the end of the wait", () -> !waiting.isAlive());
                    if (isLong) {
                        assertThat(outcome.get()).isEqualTo(true);
                    } else {
                        assertThat(outcome.get()).isInstanceOfAny(Boolean.class, StoreUnreachableException.class);
                    }
                }
                assertThat(lock.tryLock(time, unit)).isTrue();
                lock.unlock();
            });
        }
    }

    private static Object tried(Lock lock, long time, TimeUnit unit) {
        try {
            boolean locked = lock.tryLock(time, unit);
            if (locked) {
                lock.unlock();
            }
            return locked;
        } catch (InterruptedException | RuntimeException e) {
            return e;
        }
    }

    @Test
    void anyCommandTimeoutIsRefusedOrTaken() throws Exception {
        Fuzz.rounds(20_000, input -> {
            Duration timeout = input.duration();
            boolean refused = isRefused(() -> RedisMutex.builder().commandTimeout(timeout));
            assertThat(refused)
                    .isEqualTo(timeout.compareTo(Duration.ofMillis(10)) < 0
                            || timeout.compareTo(Duration.ofMinutes(1)) > 0);
        });
    }

    private static boolean isRefused(Runnable action) {
        try {
            action.run();
            return false;
        } catch (IllegalArgumentException e) {
            assertThat(e).hasMessageMatching("(?s).*(but is|is shorter than|is longer than|but leaseTime is) .+");
            return true;
        }
    }
}
