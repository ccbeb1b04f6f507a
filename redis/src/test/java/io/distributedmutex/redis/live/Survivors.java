package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A lease of the key {@code k} and a waiter for it, which survive a failover, and what is promised of that. */
public final class Survivors {

    /** A lease is renewed, and a waiter waits, for longer than any failover takes. */
    public static final LockOptions RENEWED = LockOptions.builder()
            .leaseTime(Duration.ofSeconds(12))
            .waitTime(Duration.ofSeconds(60))
            .autoRenew(Duration.ofMinutes(5))
            .build();

    private static final Pattern WRITTEN = Pattern.compile("master_repl_offset:(\\d+)");
    private static final Pattern REPLICATED = Pattern.compile("slave0:.*,state=online,offset=(\\d+)");

    /** Makes another server the primary. */
    @FunctionalInterface
    public interface Failover {

        /** Returns the new primary, as soon as it is one. */
        EmbeddedRedis run() throws Exception;
    }

    private Survivors() {}

    /**
     * One instance holds the key, and another waits for it, and the replica has both. After the failover the lease is valid and
     * can be extended. The waiter queues again by itself at the new primary, and gets the lock when it is released.
     *
     * @param instances to which a holder and a waiter are added
     * @param primary the primary until now, which has one replica
     * @param failover makes that replica the primary
     * @throws Exception if the failover throws it, or the waiter gets no lock within its bound
     */
    public static void goOn(Instances instances, EmbeddedRedis primary, Failover failover) throws Exception {
        DistributedMutex holder = instances.add("holder", RENEWED);
        Lease lease = holder.acquire("k");
        CompletableFuture<Lease> waiting = instances.add("waiter", RENEWED).acquireAsync("k");
        Await.until(
                "the waiter is in the queue",
                () -> holder.inspect("k").orElseThrow().waiters() == 1);
        awaitReplicated(primary);

        EmbeddedRedis after = failover.run();

        assertThat(after).isNotSameAs(primary);
        Await.until("the new primary has the waiter", () -> hasWaiter(after));
        lease.extend(Duration.ofSeconds(12));
        assertThat(lease.isValid()).isTrue();
        assertThat(waiting).isNotDone();
        assertThat(lease.release()).isTrue();
        try (Lease next = waiting.get(60, TimeUnit.SECONDS)) {
            assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
            assertThat(after.command("GET", "lock:k")).isNotNull();
        }
    }

    /** The queue is there, which the replica had before, and somebody listens. */
    private static boolean hasWaiter(EmbeddedRedis primary) {
        return primary.command("KEYS", "dmutex:*:queue:lock:k") instanceof List<?> queues
                && !queues.isEmpty()
                && !String.valueOf(primary.command("CLIENT", "LIST", "TYPE", "pubsub"))
                        .isBlank();
    }

    /**
     * Waits until the one replica of a primary has confirmed all that was written until now. WAIT would not do: on a connection
     * of its own it waits for nothing.
     */
    public static void awaitReplicated(EmbeddedRedis primary) {
        long written = offset(primary, WRITTEN);
        assertThat(written).isPositive();
        Await.until("the replica has everything", () -> offset(primary, REPLICATED) >= written);
    }

    private static long offset(EmbeddedRedis primary, Pattern field) {
        Matcher matcher = field.matcher(String.valueOf(primary.command("INFO", "replication")));
        return matcher.find() ? Long.parseLong(matcher.group(1)) : -1;
    }
}
