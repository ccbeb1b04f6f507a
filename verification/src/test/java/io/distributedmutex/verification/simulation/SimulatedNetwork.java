package io.distributedmutex.verification.simulation;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.ManualTime;
import java.time.Duration;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * The connection of one instance to the store, on simulated time: delays requests, replies and pushes, loses some, and fails
 * what is not answered within the command time-out. Requests keep their order, as on one connection, unless a fault
 * delays one beyond others, as when a connection breaks and its last packets arrive late.
 */
final class SimulatedNetwork implements LockStore {

    private static final long TIMEOUT_NANOS = Duration.ofSeconds(2).toNanos();

    private final LockStore server;
    private final ManualTime time;
    private final SplittableRandom random;

    /** One in how many messages is lost or late; 0 for none. */
    private int faultsOneIn;

    private boolean cut;
    private long lastArrival;
    private long lastReply;

    SimulatedNetwork(LockStore server, ManualTime time, SplittableRandom random) {
        this.server = server;
        this.time = time;
        this.random = random;
    }

    void faultsOneIn(int messages) {
        faultsOneIn = messages;
    }

    /** Nothing gets through any more, as to a crashed process. */
    void cut(boolean nowCut) {
        cut = nowCut;
    }

    @Override
    public void start(String label, StoreEvents events) {
        server.start(label, new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                if (cut || fault()) {
                    return;
                }
                long delay = fault() ? random.nextLong(4_000_000_000L) : latency();
                after(delay, () -> {
                    if (!cut) {
                        events.granted(key, token, fencingToken, fencingTokens);
                    }
                });
                if (fault()) {
                    after(latency(), () -> events.granted(key, token, fencingToken, fencingTokens));
                }
            }

            @Override
            public void reconnected() {
                events.reconnected();
            }
        });
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return call(() -> server.acquire(request));
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return call(() -> server.release(key, token, keepMillis));
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return call(() -> server.cancel(key, token));
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis, boolean exact) {
        return call(() -> server.renew(key, token, leaseMillis, exact));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return call(() -> server.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return call(() -> server.forceRelease(key));
    }

    @Override
    public void close() {
        server.close();
    }

    private <T> CompletionStage<T> call(Supplier<CompletionStage<T>> operation) {
        CompletableFuture<T> result = new CompletableFuture<>();
        after(
                TIMEOUT_NANOS,
                () -> result.completeExceptionally(new StoreUnreachableException("no answer within 2 s", null)));
        if (cut || fault()) {
            if (random.nextBoolean()) {
                after(
                        latency(),
                        () -> result.completeExceptionally(new StoreUnreachableException("connection lost", null)));
            }
            return result;
        }
        long now = time.elapsed().toNanos();
        long arrival = now + latency();
        if (fault()) {
            // Late, and alone: what was sent after it may arrive before.
            arrival = now + random.nextLong(3_000_000_000L);
        } else {
            arrival = Math.max(arrival, lastArrival);
            lastArrival = arrival;
        }
        after(arrival - now, () -> arrive(operation, result));
        return result;
    }

    private <T> void arrive(Supplier<CompletionStage<T>> operation, CompletableFuture<T> result) {
        CompletionStage<T> unused = operation.get().whenComplete((reply, error) -> {
            if (cut || fault()) {
                return;
            }
            long now = time.elapsed().toNanos();
            long delivery = now + latency();
            if (fault()) {
                delivery = now + random.nextLong(2_500_000_000L);
            } else {
                delivery = Math.max(delivery, lastReply);
                lastReply = delivery;
            }
            after(delivery - now, () -> {
                if (error == null) {
                    result.complete(reply);
                } else {
                    result.completeExceptionally(error);
                }
            });
        });
    }

    private void after(long nanos, Runnable task) {
        time.schedule(task, nanos);
    }

    private boolean fault() {
        return faultsOneIn > 0 && random.nextInt(faultsOneIn) == 0;
    }

    private long latency() {
        return 50_000 + random.nextLong(random.nextInt(20) == 0 ? 30_000_000 : 1_000_000);
    }
}
