package io.distributedmutex.verification.simulation;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.SimulatedFastPath;
import io.distributedmutex.redis.SimulatedFastPath.Freed;
import io.distributedmutex.redis.SimulatedFastPath.Taken;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryCommands;
import io.distributedmutex.testkit.memory.InMemoryCommands.Owned;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The connection of one instance to the store, with the Redis store's own {@linkplain SimulatedFastPath fast path} in front of
 * it, on simulated time: delays requests, replies and pushes, loses some, repeats
 * some, and fails what is not answered within the command time-out. Requests keep their order, as on one connection, unless
 * a fault delays one beyond others, as when a connection breaks and its last packets arrive late.
 */
final class SimulatedNetwork implements LockStore {

    /** How many native commands an acquire is. */
    private static final int TAKING = 4;

    /** What servers compare and delete by. */
    private static final List<String> FREEING = List.of("DELIFEQ", "DELEX", "SCRIPT");

    private static final long TIMEOUT_NANOS = Duration.ofSeconds(2).toNanos();

    /** Whose connection it is, in the eyes of the witness. */
    final String label;

    private final SimulatedServer server;
    private final InMemoryLockStore store;
    private final InMemoryCommands commands;
    private final SimulatedFastPath fastPath;
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
        this.commands = InMemoryCommands.of(store);
        this.fastPath =
                new SimulatedFastPath(new Requests(), () -> time.elapsed().toNanos());
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
                server.granted(label, key, token, fencingToken, fencingTokens, false);
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
        return fastPath.acquire(request);
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return fastPath.release(key, token, keepMillis);
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return fastPath.cancel(key, token);
    }

    /** What the fast path asks of the server. */
    private final class Requests implements SimulatedFastPath.Server {

        /** The commands are not one step: others may come between them, and a connection may break there. */
        @Override
        public CompletableFuture<Taken> take(AcquireRequest request) {
            long gap = random.nextInt(8) == 0 ? random.nextLong(1_000_000) : 0;
            int arriving = fault() ? random.nextInt(TAKING) : TAKING;
            CompletableFuture<Taken> result = call((TAKING - 1) * gap, false, () -> {
                CompletableFuture<Taken> taken = new CompletableFuture<>();
                new Taking(request, taken).step(0, arriving, gap);
                return taken;
            });
            return result;
        }

        /** What a server frees keys by depends on the server, and on the rights of each user. Some lose it. */
        @Override
        public CompletableFuture<Freed> free(String key, String token, String by) {
            return call(0, true, () -> {
                int kind = Math.floorMod(label.hashCode(), FREEING.size());
                boolean isLost = kind == 0 && time.elapsed().toSeconds() >= 10;
                String known = isLost ? "SCRIPT" : FREEING.get(kind);
                if (!by.equals("ALL") && !by.equals("SCRIPT") && !by.equals(known)) {
                    return CompletableFuture.completedStage(new Freed(false, Optional.of("SCRIPT")));
                }
                return commands.free(key, token).thenApply(freed -> {
                    boolean isFound = by.equals("ALL") && (freed || known.equals("SCRIPT"));
                    return new Freed(freed, isFound ? Optional.of(known) : Optional.empty());
                });
            });
        }

        @Override
        public CompletableFuture<AcquireReply> acquire(AcquireRequest request) {
            CompletableFuture<AcquireReply> answered = call(0, true, () -> {
                Owned owned = now(commands.owned(request.key(), request.token()));
                boolean wasTaken =
                        owned == Owned.FOLLOWED || (owned == Owned.YES && !now(commands.isWaitedFor(request.key())));
                CompletionStage<AcquireReply> reply = store.acquire(request);
                CompletionStage<AcquireReply> unused = reply.whenComplete((answer, error) -> {
                    if (answer != null) {
                        server.acquired(label, request, answer, wasTaken);
                    }
                });
                return reply;
            });
            CompletableFuture<AcquireReply> unused = answered.whenComplete((reply, error) -> {
                if (reply instanceof AcquireReply.Refused) {
                    fastPath.contended(request.key());
                }
            });
            return answered;
        }

        @Override
        public CompletableFuture<Ownership> release(String key, String token, long keepMillis) {
            return call(0, true, () -> {
                server.released(key, keepMillis);
                return store.release(key, token, keepMillis);
            });
        }

        @Override
        public CompletableFuture<Ownership> cancel(String key, String token) {
            return call(0, true, () -> {
                server.cancelled(label, key, token);
                return store.cancel(key, token);
            });
        }
    }

    /** The native commands of an acquire, one after the other. */
    private final class Taking {

        private final AcquireRequest request;
        private final CompletableFuture<Taken> taken;
        private boolean took;
        private long fencingToken;
        private boolean isWaitedFor;

        Taking(AcquireRequest request, CompletableFuture<Taken> taken) {
            this.request = request;
            this.taken = taken;
        }

        void step(int number, int arriving, long gapNanos) {
            if (number == arriving || server.isDown()) {
                return;
            }
            try {
                command(number);
            } catch (StoreException e) {
                taken.completeExceptionally(e);
                return;
            }
            if (number == TAKING - 1) {
                return;
            }
            if (gapNanos == 0) {
                step(number + 1, arriving, 0);
            } else {
                after(gapNanos, () -> step(number + 1, arriving, gapNanos));
            }
        }

        private void command(int number) {
            switch (number) {
                case 0 -> {
                    took = now(commands.take(request));
                    if (took) {
                        server.took(label, request.key(), request.token());
                    }
                }
                case 1 -> fencingToken = now(commands.draw());
                case 2 -> isWaitedFor = now(commands.isWaitedFor(request.key()));
                default -> {
                    Owned owned = now(commands.owned(request.key(), request.token()));
                    boolean granted =
                            took && SimulatedFastPath.isGrant(owned != Owned.NO, isWaitedFor, owned == Owned.FOLLOWED);
                    AcquireReply.Granted grant = granted ? new AcquireReply.Granted(fencingToken, 1, null) : null;
                    if (grant != null) {
                        server.acquired(label, request, grant, true);
                    }
                    taken.complete(new Taken(took, grant));
                }
            }
        }
    }

    private static <T> T now(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof StoreException refused) {
                throw refused;
            }
            throw e;
        }
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return call(0, true, () -> store.renew(key, token, leaseMillis));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return call(0, true, () -> store.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return call(0, true, () -> {
            server.disturbed();
            return store.forceRelease(key);
        });
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        return call(0, true, () -> store.send(instance, message));
    }

    @Override
    public CompletionStage<Boolean> sendToHolder(String key, String message) {
        return call(0, true, () -> store.sendToHolder(key, message));
    }

    @Override
    public void close() {
        store.close();
    }

    /**
     * Sends a request.
     *
     * @param lastsNanos how long the server is at it; later requests come after that
     */
    private <T> CompletableFuture<T> call(long lastsNanos, boolean repeatable, Supplier<CompletionStage<T>> operation) {
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
            lastArrival = arrival + lastsNanos;
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
