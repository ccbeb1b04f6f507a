package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.equivalence.Comparison.Outcome;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testing.Shrinker;
import io.distributedmutex.testing.Shrinker.Shrunk;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.RedisClient;
import io.lettuce.core.metrics.CommandLatencyRecorder;
import io.lettuce.core.resource.ClientResources;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Many sequences, some at a time, each of which has a server for itself while it lasts. */
final class Sequences {

    private static final int MOST_TRIALS = 1_500;

    private final long firstSeed;
    private final long count;
    private final List<Passing> passings;
    private final AtomicLong next = new AtomicLong();
    private final AtomicLong done = new AtomicLong();
    private final AtomicLong steps = new AtomicLong();
    private final AtomicLong pushes = new AtomicLong();
    private final AtomicLong repeated = new AtomicLong();
    private final AtomicLong tooSlow = new AtomicLong();
    private final AtomicReference<@Nullable String> failure = new AtomicReference<>();
    private long millis;

    /**
     * Sequences of consecutive seeds.
     *
     * @param passings how time passes; the later ones are for when an earlier one was too fast for this machine
     */
    Sequences(long firstSeed, long count, List<Passing> passings) {
        this.firstSeed = firstSeed;
        this.count = count;
        this.passings = passings;
    }

    /**
     * Does them all, or those up to the first that fails.
     *
     * @param servers on how many servers at a time
     * @param maker makes a store of a Lettuce client and a key prefix
     */
    void run(RedisExecutable executable, int servers, BiFunction<RedisClient, String, LockStore> maker)
            throws InterruptedException {
        ClientResources resources = ClientResources.builder()
                .commandLatencyRecorder(CommandLatencyRecorder.disabled())
                .build();
        try {
            long start = System.nanoTime();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < servers; i++) {
                // With and without a prefix, in turn: without one, a lock key is exactly the user's.
                String prefix = i % 2 == 0 ? "lock:" : "";
                Thread thread = new Thread(() -> runOnOwnServer(executable, prefix, resources, maker));
                threads.add(thread);
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            millis = (System.nanoTime() - start) / 1_000_000;
        } finally {
            resources.shutdown();
        }
    }

    private void runOnOwnServer(
            RedisExecutable executable,
            String prefix,
            ClientResources resources,
            BiFunction<RedisClient, String, LockStore> maker) {
        try (EmbeddedRedis redis =
                        EmbeddedRedis.builder().executable(executable.path()).start();
                RedisSide side = new RedisSide(redis, prefix, resources, maker)) {
            long number = next.getAndIncrement();
            while (number < count && failure.get() == null) {
                run(SequencePlan.random(firstSeed + number), side);
                number = next.getAndIncrement();
            }
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, "died near seed " + (firstSeed + next.get()) + " of " + e);
            throw e;
        }
    }

    private void run(SequencePlan plan, RedisSide side) {
        Outcome outcome = null;
        for (Passing passing : passings) {
            outcome = Comparison.of(plan.steps(), side, passing);
            if (outcome.difference() != null) {
                failure.compareAndSet(null, report(plan, side, passing, outcome.difference()));
                return;
            }
            if (!outcome.isTooSlow()) {
                done.incrementAndGet();
                steps.addAndGet(plan.steps().size());
                pushes.addAndGet(outcome.pushes());
                return;
            }
            repeated.incrementAndGet();
        }
        tooSlow.incrementAndGet();
    }

    private static String report(SequencePlan plan, RedisSide side, Passing passing, String difference) {
        Shrunk<Step, String> shrunk = Shrinker.shrink(
                plan.steps(),
                difference,
                steps -> Optional.ofNullable(Comparison.of(steps, side, passing).difference()),
                MOST_TRIALS);
        return "seed " + plan.seed() + " tells the stores apart (replay: -Dequivalence.seed=" + plan.seed() + ", "
                + passing
                + "): " + difference.lines().findFirst().orElse("")
                + "\nshrunk from " + plan.steps().size() + " to "
                + shrunk.steps().size() + " steps:\n  "
                + shrunk.steps().stream().map(Step::toString).collect(Collectors.joining("\n  "))
                + "\nwith which: " + shrunk.failure();
    }

    /** What failed first, and how; null if nothing did. */
    @Nullable
    String failure() {
        return failure.get();
    }

    /** How many sequences were done to the end. */
    long done() {
        return done.get();
    }

    /** How many grants were pushed. */
    long pushes() {
        return pushes.get();
    }

    @Override
    public String toString() {
        return done + " sequences from seed " + firstSeed + ", " + steps + " steps, " + pushes + " pushes, " + millis
                + " ms (" + steps.get() * 1_000 / Math.max(1, millis) + " steps/s), " + repeated
                + " repeated with more time, " + tooSlow + " given up";
    }
}
