package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Instances that contend for the key {@code k} over a failover, and what is promised of that. */
public final class Contenders {

    /** What an instance may log at WARN because another server takes over. */
    public static final String WARNINGS = "LOST \\w+ \\((STORE_LOST|TAKEN|EXPIRED|REVOKED|CLOSED)"
            + "|release of \\w+ .* was not confirmed"
            + "|AT RISK"
            + "|OUTAGE"
            + "|silent for two command time-outs";

    private static final long HOLD_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Holds holds = new Holds();
    private final AtomicBoolean over = new AtomicBoolean();

    private Contenders() {}

    /**
     * The instances contend for the key all along, and hold it for a while, by turns. Tokens rise strictly; two hold it only
     * around the failover, for a second at most; and they are served again soon after another primary was named.
     *
     * @param instances with options under which they wait the failover out
     * @param failover makes another server the primary, and returns when all see it
     * @param awaitNamed returns when anybody names another
     * @param stalls of the machine, which are allowed for
     * @throws Exception if it does not end within its bounds
     */
    public static void contend(List<DistributedMutex> instances, Runnable failover, Runnable awaitNamed, Stalls stalls)
            throws Exception {
        Contenders contenders = new Contenders();
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (DistributedMutex instance : instances) {
            running.add(CompletableFuture.runAsync(() -> contenders.contend(instance), OwnThread.EACH));
        }
        Await.until("all are at work", () -> contenders.holds.count() > 5);
        CompletableFuture<Long> named = CompletableFuture.supplyAsync(
                () -> {
                    awaitNamed.run();
                    return System.nanoTime();
                },
                OwnThread.EACH);

        failover.run();
        long firstNamed = named.get(60, TimeUnit.SECONDS);
        Await.until("they are at work again", () -> contenders.holds.countSince(firstNamed) > 5);
        contenders.over.set(true);
        for (CompletableFuture<Void> contender : running) {
            contender.get(60, TimeUnit.SECONDS);
        }
        contenders.judge(firstNamed, stalls);
    }

    private void contend(DistributedMutex mutex) {
        while (!over.get()) {
            try (Lease lease = mutex.acquire("k")) {
                long granted = System.nanoTime();
                while (lease.isValid() && System.nanoTime() - granted < HOLD_NANOS) {
                    Await.pass(Duration.ofMillis(1));
                }
                holds.add(lease.fencingToken(), granted);
            } catch (StoreException e) {
                // Within the wait time it tries again by itself; what a failover breaks beyond that shows in the gap.
                Await.pass(Duration.ofMillis(10));
            }
        }
    }

    private void judge(long firstNamed, Stalls stalls) {
        long beyond = holds.servedAgainMillis(firstNamed);
        System.out.println("served again " + beyond + " ms after another primary was named; longest overlap "
                + holds.overlapMillis() + " ms; " + holds.count() + " holds");
        holds.assertTokensRise(stalls.allowanceMillis());
        assertThat(holds.overlapMillis()).isLessThan(1_000 + stalls.allowanceMillis());
        assertThat(beyond).isLessThan(2_000 + stalls.allowanceMillis());
    }
}
