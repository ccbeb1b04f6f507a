package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** First come, first served. */
@WithRedis
@LeavesNothing(warnings = "AT RISK")
class QueueOrderTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "queued";
    private static final LockOptions PATIENT =
            LockOptions.builder().waitTime(Duration.ofSeconds(30)).build();

    /** How many leases an instance may pass on locally before others have their turn: a block of fencing tokens. */
    private static final int BLOCK = 64;

    private final EmbeddedRedis redis;
    private Instances instances;

    QueueOrderTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        instances.close();
        RedisContents.assertNothingLeft(redis);
    }

    /** What was granted: to which instance, when and under which number. */
    private record Turn(int instance, long fencingToken, long nanos) {}

    @Test
    void twentyInstancesAreServedInTheOrderInWhichTheyCame() throws Exception {
        List<DistributedMutex> strangers = instances.add(20, PATIENT);
        ConcurrentLinkedQueue<Turn> turns = new ConcurrentLinkedQueue<>();
        Lease held = instances.add("holder").acquire(KEY);
        List<CompletableFuture<?>> all = new ArrayList<>();
        for (int i = 0; i < strangers.size(); i++) {
            all.add(turn(strangers.get(i), i, turns));
            awaitWaiters(i + 1);
        }
        assertThat(strangers.get(0).inspect(KEY).orElseThrow().waiters()).isEqualTo(20);

        long released = System.nanoTime();
        held.close();
        awaitAll(all);

        long before = released;
        Figures handOffs = new Figures("from one holder to the next of 20 instances");
        for (Turn turn : turns) {
            handOffs.addNanos(turn.nanos() - before);
            before = turn.nanos();
        }
        handOffs.print();
        assertThat(turns)
                .extracting(Turn::instance)
                .containsExactlyElementsOf(IntStream.range(0, 20).boxed().toList());
        assertThat(turns).extracting(Turn::fencingToken).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void fiveHundredWaitersOfFourInstancesAllHaveTheirTurnAndNoInstanceIsFavouredBeyondItsBound() throws Exception {
        int perInstance = 125;
        List<DistributedMutex> strangers = instances.add(4, PATIENT);
        ConcurrentLinkedQueue<Turn> turns = new ConcurrentLinkedQueue<>();
        Lease held = instances.add("holder").acquire(KEY);
        List<CompletableFuture<?>> all = new ArrayList<>();
        for (int waiter = 0; waiter < perInstance; waiter++) {
            for (int i = 0; i < strangers.size(); i++) {
                all.add(turn(strangers.get(i), i, turns));
            }
        }
        awaitWaiters(strangers.size());

        long released = System.nanoTime();
        held.close();
        awaitAll(all);

        Figures.say("500 waiters of 4 instances served in %.0f ms", (System.nanoTime() - released) / 1e6);
        assertThat(turns).hasSize(4 * perInstance);
        assertThat(turns).extracting(Turn::fencingToken).isSorted().doesNotHaveDuplicates();
        assertThat(longestRunWhileOthersWait(new ArrayList<>(turns), perInstance))
                .as("leases in a row for one instance while another waits")
                .isLessThanOrEqualTo(BLOCK);
    }

    private static int longestRunWhileOthersWait(List<Turn> turns, int perInstance) {
        Map<Integer, Integer> served = new HashMap<>();
        int longest = 0;
        int run = 0;
        int last = -1;
        for (Turn turn : turns) {
            served.merge(turn.instance(), 1, Integer::sum);
            boolean othersWait = IntStream.range(0, 4)
                    .anyMatch(i -> i != turn.instance() && served.getOrDefault(i, 0) < perInstance);
            run = turn.instance() == last ? run + 1 : 1;
            last = turn.instance();
            if (othersWait) {
                longest = Math.max(longest, run);
            }
        }
        Figures.say("longest run of one instance while others waited: %d leases", longest);
        return longest;
    }

    @Test
    void whoGivesUpDelaysNobodyAndLeavesNothing() throws Exception {
        List<DistributedMutex> strangers = instances.add(5, PATIENT);
        Lease held = strangers.get(0).acquire(KEY);
        // The first times out, the second is interrupted, the third cancels; the fourth is to have the key.
        CompletableFuture<Throwable> timedOut = CompletableFuture.supplyAsync(
                () -> catchThrowable(() -> strangers
                        .get(1)
                        .with(o -> o.waitTime(Duration.ofSeconds(5)))
                        .acquire(KEY)),
                OwnThread.EACH);
        awaitWaiters(1);
        CompletableFuture<Throwable> interrupted = new CompletableFuture<>();
        AtomicInteger flagKept = new AtomicInteger();
        Thread interruptible = new Thread(() -> {
            interrupted.complete(catchThrowable(() -> strangers.get(2).acquire(KEY)));
            flagKept.set(Thread.currentThread().isInterrupted() ? 1 : -1);
        });
        interruptible.start();
        awaitWaiters(2);
        CompletableFuture<Lease> cancelled = strangers.get(3).acquireAsync(KEY);
        awaitWaiters(3);
        ConcurrentLinkedQueue<Turn> turns = new ConcurrentLinkedQueue<>();
        CompletableFuture<?> served = turn(strangers.get(4), 4, turns);
        awaitWaiters(4);

        interruptible.interrupt();
        cancelled.cancel(true);
        assertThat(interrupted.get(60, TimeUnit.SECONDS))
                .isInstanceOf(LockInterruptedException.class)
                .hasMessage("'queued' not acquired: interrupted");
        interruptible.join(60_000);
        assertThat(flagKept).as("interrupt flag kept").hasValue(1);
        assertThat(timedOut.get(60, TimeUnit.SECONDS))
                .isInstanceOfSatisfying(LockNotAcquiredException.class, e -> {
                    assertThat(e.holder()).contains("0");
                    assertThat(e.remaining().orElseThrow()).isBetween(Duration.ofSeconds(20), Duration.ofMinutes(1));
                })
                .hasMessageMatching("'queued' not acquired within 5 s: held by 0 for [\\d.]+ m?s still");
        awaitWaiters(1);

        long released = System.nanoTime();
        held.close();
        served.get(60, TimeUnit.SECONDS);
        double millis = (turns.element().nanos() - released) / 1e6;
        Figures.say("behind three that gave up, the fourth had the key after %.1f ms", millis);
        assertThat(millis).isLessThan(100 + stalls.allowanceMillis());
    }

    @Test
    void aWaitThatFailsReturnsInTime() {
        List<DistributedMutex> strangers = instances.add(2, PATIENT);
        Lease held = strangers.get(0).acquire(KEY);
        Figures late = new Figures("waits of 0 to 300 ms for a key that is not to be had ended late by");
        for (int millis : new int[] {0, 10, 100, 300}) {
            DistributedMutex waiter = strangers.get(1).with(o -> o.waitTime(Duration.ofMillis(millis)));
            // Where the machine is busy, the first answer may come later than that.
            Await.until("a wait that was answered", () -> {
                long begun = System.nanoTime();
                Throwable outcome = catchThrowable(() -> waiter.acquire(KEY));
                if (outcome instanceof StoreUnreachableException) {
                    return false;
                }
                late.addNanos(System.nanoTime() - begun - millis * 1_000_000L);
                assertThat(outcome).isInstanceOf(LockNotAcquiredException.class);
                return true;
            });
        }
        late.print();
        assertThat(late.minimum()).isNotNegative();
        assertThat(late.median()).isLessThan(50 + stalls.allowanceMillis());
        held.close();
    }

    private CompletableFuture<?> turn(DistributedMutex mutex, int instance, ConcurrentLinkedQueue<Turn> turns) {
        return mutex.acquireAsync(KEY).thenAccept(lease -> {
            try (lease) {
                turns.add(new Turn(instance, lease.fencingToken(), System.nanoTime()));
                assertThat(lease.isValid()).isTrue();
            }
        });
    }

    private void awaitWaiters(int count) {
        Await.until(count + " waiters", () -> RedisContents.waiters(redis, "lock:" + KEY) == count);
    }

    private static void awaitAll(List<CompletableFuture<?>> all) throws Exception {
        CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).get(20, TimeUnit.SECONDS);
    }
}
