package io.distributedmutex.verification.simulation;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The connection of one instance to the store, on simulated time: delays requests, replies and pushes, loses some, repeats
 * some, and fails what is not answered within the command time-out. Requests keep their order, as on one connection, unless
 * a fault delays one beyond others, as when a connection breaks and its last packets arrive late.
 */
final class SimulatedNetwork implements LockStore {

    private static final long TIMEOUT_NANOS = Duration.ofSeconds(2).toNanos();

    /** Whose connection it is, in the eyes of the witness. */
    final String label;

    private final SimulatedServer server;
    private final InMemoryLockStore store;
    private final SimulatedProcess process;
    private final ManualTime time;
    private final SplittableRandom random;

    /** One in how many messages is lost, late or repeated; 0 for none. */
    private int faultsOneIn;

    private boolean cut;
    private long lastArrival;
    private long lastReply;
    /** How long a push may take; 0 for as long as any packet. */
    private long slowestPushNanos;

    private @Nullable StoreEvents events;

    SimulatedNetwork(
            String label,
            SimulatedServer server,
            SimulatedProcess process,
            ManualTime time,
            SplittableRandom random,
            int faultsOneIn) {
        this.label = label;
        this.server = server;
        this.store = server.data.sibling();
        this.process = process;
        this.time = time;
        this.random = random;
        this.faultsOneIn = faultsOneIn;
    }

    /** No more faults. */
    void heal() {
        faultsOneIn = 0;
        cut = false;
    }

    /** Pushes take any time up to this. */
    void slowPushes(long nanos) {
        slowestPushNanos = nanos;
    }

    /** Nothing gets through any more. */
    void cut(boolean nowCut) {
        cut = nowCut;
    }

    void loseSubscription() {
        store.disconnectPushes();
        server.deaf(label);
    }

    void subscribeAgain() {
        server.hears(label);
        store.reconnectPushes();
    }

    /** The server is back. */
    void reconnected() {
        after(
                latency(),
                () -> process.whenRunning(() -> {
                    if (events != null) {
                        events.reconnected();
                    }
                }));
    }

    @Override
    public void start(String holderLabel, String instance, StoreEvents target) {
        events = target;
        store.start(holderLabel, instance, new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                server.granted(label, key, fencingToken, fencingTokens);
                push(() -> target.granted(key, token, fencingToken, fencingTokens));
            }

            @Override
            public void message(String text) {
                push(() -> target.message(text));
            }

            @Override
            public void reconnected() {
                process.whenRunning(target::reconnected);
            }
        });
    }

    private void push(Runnable received) {
        if (cut || fault()) {
            return;
        }
        long usual = slowestPushNanos > 0 ? random.nextLong(slowestPushNanos) : latency();
        long delay = fault() ? random.nextLong(4_000_000_000L) : usual;
        Runnable push = () -> {
            if (!cut) {
                process.whenRunning(received);
            }
        };
        after(delay, push);
        if (fault()) {
            after(delay + random.nextLong(3_000_000_000L), push);
        }
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return call(true, () -> {
            CompletionStage<AcquireReply> reply = store.acquire(request);
            CompletionStage<AcquireReply> unused = reply.whenComplete((answer, error) -> {
                if (answer != null) {
                    server.acquired(label, request, answer);
                }
            });
            return reply;
        });
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return call(true, () -> {
            server.released(key, keepMillis);
            return store.release(key, token, keepMillis);
        });
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return call(true, () -> {
            server.cancelled(label, key, token);
            return store.cancel(key, token);
        });
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return call(true, () -> store.renew(key, token, leaseMillis));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return call(true, () -> store.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return call(true, () -> {
            server.disturbed();
            return store.forceRelease(key);
        });
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        return call(true, () -> store.send(instance, message));
    }

    @Override
    public void close() {
        store.close();
    }

    private <T> CompletionStage<T> call(boolean repeatable, Supplier<CompletionStage<T>> operation) {
        CompletableFuture<T> result = new CompletableFuture<>();
        var timeout = process.later(() -> fail(result, "no answer within 2 s"), TIMEOUT_NANOS);
        CompletableFuture<T> unused = result.whenComplete((reply, error) -> timeout.cancel());
        if (cut || fault()) {
            if (random.nextBoolean()) {
                after(latency(), () -> process.whenRunning(() -> fail(result, "connection lost")));
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
        if (repeatable && fault()) {
            after(arrival - now + random.nextLong(3_000_000_000L), () -> arrive(operation, result));
        }
        return result;
    }

    private static void fail(CompletableFuture<?> result, String why) {
        result.completeExceptionally(new StoreUnreachableException(why, null));
    }

    private <T> void arrive(Supplier<CompletionStage<T>> operation, CompletableFuture<T> result) {
        if (server.isDown()) {
            after(latency(), () -> process.whenRunning(() -> fail(result, "connection refused")));
            return;
        }
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
            after(
                    delivery - now,
                    () -> process.whenRunning(() -> {
                        if (error == null) {
                            result.complete(reply);
                        } else {
                            result.completeExceptionally(error);
                        }
                    }));
        });
    }

    private void after(long nanos, Runnable task) {
        time.runAfter(task, nanos);
    }

    private boolean fault() {
        return faultsOneIn > 0 && random.nextInt(faultsOneIn) == 0;
    }

    /** Mostly below 1 ms, now and then up to 30 ms. */
    private long latency() {
        return 50_000 + random.nextLong(random.nextInt(20) == 0 ? 30_000_000 : 1_000_000);
    }
}
