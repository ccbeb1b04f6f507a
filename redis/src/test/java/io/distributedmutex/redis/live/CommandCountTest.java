package io.distributedmutex.redis.live;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What locking costs the server, command by command. */
@WithRedis
@LeavesNothing(warnings = "AT RISK")
class CommandCountTest {

    private static final String KEY = "counted";

    /** All that the scripts of an uncontended pair run inside. */
    private static final Set<String> INSIDE_A_PAIR = Set.of("get", "set", "del", "time", "exists");

    /** A lease that is held for more than 50 ms after its push is lengthened by one more command. */
    private static final long LENGTHENED_NANOS = 30_000_000;

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final EmbeddedRedis redis;
    private Instances instances;
    private CommandLog log;

    CommandCountTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
        log = CommandLog.of(redis);
    }

    @AfterEach
    void stop() {
        log.close();
        instances.close();
        RedisContents.assertNothingLeft(redis);
    }

    /** What an attempt of the fast path consists of. */
    private static final Set<String> ATTEMPT = Set.of("SET", "XADD", "EXISTS", "GETRANGE");

    /** Loads the scripts, so that the first of each is not counted, which is sent as text. */
    private DistributedMutex warm(DistributedMutex mutex) {
        mutex.acquire("warm").release();
        redis.command("SET", "lock:warm too", "foreign");
        assertThat(mutex.tryAcquire("warm too")).isEmpty();
        redis.command("DEL", "lock:warm too");
        mutex.acquire("warm too").release();
        log.take();
        return mutex;
    }

    @Test
    void anUncontendedPairIsFourCommandsAndAShortScript() {
        DistributedMutex mutex = warm(instances.add("A"));
        TreeMap<String, Long> before = CommandStats.of(redis);

        for (int i = 0; i < 1_000; i++) {
            Lease lease = mutex.acquire(KEY);
            if (i % 2 == 0) {
                lease.close();
            } else {
                assertThat(lease.release()).isTrue();
            }
        }

        List<CommandLog.Sent> sent = log.take();
        TreeMap<String, Long> run = CommandStats.since(before, redis);
        Figures.say("1,000 uncontended pairs: sent %s, commandstats %s", CommandLog.counts(sent), run);
        assertThat(CommandLog.counts(sent))
                .isEqualTo(Map.of("SET", 1_000, "XADD", 1_000, "EXISTS", 1_000, "GETRANGE", 1_000, "free", 1_000));
        assertThat(sent.stream().map(CommandLog.Sent::client).collect(toSet()))
                .as("connections that commands came by")
                .hasSize(1);
        assertThat(run)
                .containsEntry("evalsha", 1_000L)
                .containsEntry("get", 1_000L)
                .containsEntry("del", 1_000L);
    }

    @Test
    void aTryForAKeyThatThisInstanceHoldsCostsNothing() {
        DistributedMutex mutex = warm(instances.add("A"));
        try (Lease held = mutex.acquire(KEY)) {
            log.take();

            for (int i = 0; i < 1_000; i++) {
                assertThat(mutex.tryAcquire(KEY)).isEmpty();
            }

            assertThat(log.take()).isEmpty();
            assertThat(held.isValid()).isTrue();
        }
    }

    @Test
    void aTryForAKeyThatAnotherHoldsCostsAnAttemptAtFirstAndThenOne() {
        DistributedMutex holder = instances.add("A");
        DistributedMutex other = warm(instances.add("B"));
        try (Lease held = holder.acquire(KEY)) {
            log.take();

            assertThat(other.tryAcquire(KEY)).isEmpty();
            Map<String, Integer> first = CommandLog.counts(log.take());
            assertThat(other.tryAcquire(KEY)).isEmpty();

            assertThat(first).isEqualTo(Map.of("SET", 1, "XADD", 1, "EXISTS", 1, "GETRANGE", 1, "acquire", 1));
            assertThat(CommandLog.counts(log.take())).isEqualTo(Map.of("acquire", 1));
            assertThat(held.isValid()).isTrue();
        }
    }

    @Test
    void anInstanceWithoutALeaseIsSilentAndAHeldLeaseCostsItsRenewals() {
        // One that has never locked, one with a past of leases, waiters and time-outs, one that holds without renewal.
        instances.add("new");
        DistributedMutex used = instances.add("used");
        DistributedMutex holder = instances.add("holder");
        LockOptions renewed = LockOptions.builder()
                .leaseTime(Duration.ofSeconds(3))
                .autoRenew(Duration.ofMinutes(1))
                .build();
        DistributedMutex renewing = instances.add("renewing", renewed);
        try (Lease long1 = holder.acquire("long")) {
            for (int i = 0; i < 20; i++) {
                used.with(o -> renewed.toBuilder()).acquire("past-" + i).close();
            }
            // Long enough to stand in the queue, so that the cancel leaves something to go.
            assertThat(used.with(o -> o.waitTime(Duration.ofMillis(400)))
                            .acquireAsync("long")
                            .handle((lease, error) -> error != null)
                            .join())
                    .isTrue();
            // So that this script too is known before it counts.
            long1.extend(Duration.ofMinutes(1));
            try (Lease lease = renewing.acquire(KEY)) {
                Await.until(
                        "the traces of the past to go",
                        () -> RedisContents.leftovers(redis).equals(Set.of("lock:long", "lock:" + KEY)));
                log.take();
                TreeMap<String, Long> before = CommandStats.of(redis);
                long start = System.nanoTime();

                Await.pass(Duration.ofSeconds(5));

                List<CommandLog.Sent> sent = log.take();
                long millis = (System.nanoTime() - start) / 1_000_000;
                TreeMap<String, Long> run = CommandStats.since(before, redis);
                Figures.say(
                        "4 instances, of which one renews a lease of 3 s: in %d ms sent %s, commandstats %s",
                        millis, CommandLog.counts(sent), run);
                // One each second; each is due a second after the one before was sent, so that delays make them fewer.
                assertThat(CommandLog.counts(sent).keySet()).isEqualTo(Set.of("renew"));
                assertThat(sent).allMatch(each -> each.key().equals("lock:" + KEY));
                assertThat((long) sent.size()).isBetween(millis / 1_000 / 2, millis / 1_000 + 1);
                assertThat(run.get("evalsha")).isBetween((long) sent.size(), sent.size() + 1L);
                assertThat(lease.isValid()).isTrue();
            }
            assertThat(long1.isValid()).isTrue();
        }
    }

    @Test
    void aHandOffBetweenTwentyInstancesIsTwoCommands() throws Exception {
        int rounds = 3;
        AtomicInteger lengthened = new AtomicInteger();
        List<DistributedMutex> strangers = instances.add(
                20, LockOptions.builder().waitTime(Duration.ofMinutes(1)).build());
        warm(strangers.get(0));
        DistributedMutex gate = instances.add("gate");
        Lease closed = gate.acquire(KEY);
        closed.extend(Duration.ofMinutes(1)); // Loads the script.
        ExecutorService threads = Executors.newFixedThreadPool(strangers.size());
        try {
            TreeMap<String, Long> before = CommandStats.of(redis);
            log.take();
            long start = System.nanoTime();
            List<Future<?>> working = new ArrayList<>();
            for (DistributedMutex mutex : strangers) {
                working.add(threads.submit(() -> {
                    for (int round = 0; round < rounds; round++) {
                        try (Lease lease = mutex.acquire(KEY)) {
                            long begun = System.nanoTime();
                            Await.pass(Duration.ofMillis(20));
                            assertThat(lease.isValid()).isTrue();
                            if (System.nanoTime() - begun > LENGTHENED_NANOS) {
                                lengthened.incrementAndGet();
                            }
                        }
                    }
                }));
            }
            Await.until("all to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == strangers.size());
            assertThat(closed.release()).isTrue();
            for (Future<?> each : working) {
                each.get(1, TimeUnit.MINUTES);
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            Await.until("the last release", () -> RedisContents.leftovers(redis).isEmpty());

            List<CommandLog.Sent> sent = new ArrayList<>(log.take());
            TreeMap<String, Long> run = CommandStats.since(before, redis);
            // Each instance tries the fast path once, until it knows that the key is contended; and again when it has
            // heard nothing
            // of that for a second, since the machine stood still.
            int all = sent.size();
            sent.removeIf(each -> ATTEMPT.contains(each.name()));
            int attempts = stalls.allowanceMillis() < 1_000 ? 1 : rounds;
            assertThat(all - sent.size()).isLessThanOrEqualTo(ATTEMPT.size() * strangers.size() * attempts);
            // The gate's, which is its first release: it tries all that a server may have, in one write.
            int others = sent.size();
            sent.removeIf(each -> each.name().equals("EVAL"));
            assertThat(others - sent.size()).isLessThanOrEqualTo(1);
            int handOffs = strangers.size() * rounds;
            int polls = polls(sent);
            // A waiter polls once per retry interval of 250 ms while it waits, and so less often than this:
            double mostPolls = strangers.size() * (seconds / 0.250) + handOffs;
            Figures.say(
                    "%d hand-offs between %d instances in %.2f s: sent %s, of which polls %d (bound %.0f),"
                            + " so %.3f per hand-off; evalsha in commandstats %d",
                    handOffs,
                    strangers.size(),
                    seconds,
                    CommandLog.counts(sent),
                    polls,
                    mostPolls,
                    (sent.size() - polls) / (double) handOffs,
                    run.get("evalsha"));
            assertThat(CommandLog.counts(sent).keySet()).isSubsetOf("acquire", "release", "free", "renew");
            // The gate's release comes on top, which is not a hand-off of the twenty.
            assertThat(sent.size() - polls).isLessThanOrEqualTo(2 * handOffs + 2 + handOffs / 10 + lengthened.get());
            assertThat((double) polls).isLessThanOrEqualTo(mostPolls);
            assertThat(run).containsEntry("evalsha", (long) sent.size());
            assertThat(run).containsEntry("publish", (long) handOffs);
        } finally {
            threads.shutdownNow();
        }
    }

    /** An acquire whose token was seen before is a poll: the token is new for each acquisition. */
    private static int polls(List<CommandLog.Sent> sent) {
        Set<String> tokens = new HashSet<>();
        int polls = 0;
        for (CommandLog.Sent each : sent) {
            if (each.name().equals("acquire") && !tokens.add(each.token())) {
                polls++;
            }
        }
        return polls;
    }
}
