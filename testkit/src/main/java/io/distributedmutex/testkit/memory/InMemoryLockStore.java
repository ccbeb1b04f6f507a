package io.distributedmutex.testkit.memory;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.ManualTime;
import java.time.Duration;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * A store in this process's memory that behaves as the Redis store does: leases that expire to the millisecond, a queue
 * with signs of life, grants by push, fencing tokens from the server's clock. For tests without a Redis; it does not
 * survive the process and excludes nobody outside of it.
 *
 * <pre>{@code
 * ManualTime time = ManualTime.create();
 * InMemoryLockStore one = new InMemoryLockStore(time);   // the store of one instance
 * InMemoryLockStore other = one.sibling();               // the store of another instance, on the same data
 * }</pre>
 *
 * <p>Every operation is done when the call returns. Its reply is there, and the {@link StoreEvents} of other instances have
 * received the grants and messages that follow from it, on the calling thread. If another thread delivers grants at that moment, it
 * delivers these too, so that each instance hears of its grants one at a time and in order. No lock is held meanwhile, so
 * replies and grants may call the store. The methods below {@link #close} are the test's hands: they act on the data that all
 * siblings share, also when this store object is closed. Thread-safe.
 */
public final class InMemoryLockStore implements LockStore {

    /** Where the server's clock stands at first on injected time: 2025-01-01T00:00:00Z, in microseconds. */
    private static final long EPOCH_MICROS = 1_735_689_600_000_000L;

    private final InMemoryServer server;
    private final AtomicReference<@Nullable InMemoryClient> client = new AtomicReference<>();
    private volatile boolean closed;

    /** Makes a store without data on the system's clock. */
    public InMemoryLockStore() {
        this(new InMemoryServer(System::nanoTime, System.currentTimeMillis() * 1000));
    }

    /**
     * Makes a store without data on an injected clock, for instance {@link ManualTime}. Its server's clock begins at
     * the start of the year 2025 and goes on at the rate of the given one.
     *
     * @param time the clock; nothing is scheduled on it
     */
    public InMemoryLockStore(Environment time) {
        this(new InMemoryServer(time::nanoTime, EPOCH_MICROS));
    }

    private InMemoryLockStore(InMemoryServer server) {
        this.server = server;
    }

    /**
     * Makes the store object of another instance, which shares this one's data.
     *
     * @return a new store object, not yet started
     */
    public InMemoryLockStore sibling() {
        return new InMemoryLockStore(server);
    }

    @Override
    public void start(String label, String instance, StoreEvents events) {
        InMemoryClient connected = server.connect(label, instance, events);
        if (!client.compareAndSet(null, connected)) {
            server.listen(connected, false);
            throw new IllegalStateException(
                    "started already: a store object serves one instance; give the other instance"
                            + " a store object of its own on the same data, made by sibling()");
        }
        if (closed) {
            // Else a close() that came before would leave a listener behind.
            close();
        }
    }

    @Override
    public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
        return run((data, self) -> data.acquire(self.id(), self.label(), request));
    }

    @Override
    public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
        return run((data, self) -> data.release(key, token, keepMillis));
    }

    @Override
    public CompletionStage<Ownership> cancel(String key, String token) {
        return run((data, self) -> data.cancel(self.id(), self.label(), key, token));
    }

    @Override
    public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
        return run((data, self) -> data.renew(key, token, leaseMillis));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> inspect(String key) {
        return run((data, self) -> data.inspect(key));
    }

    @Override
    public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
        return run((data, self) -> data.forceRelease(key));
    }

    @Override
    public CompletionStage<Boolean> send(String instance, String message) {
        started();
        return closed
                ? CompletableFuture.failedStage(ended())
                : CompletableFuture.completedStage(server.send(instance, message));
    }

    @Override
    public CompletionStage<Boolean> sendToHolder(String key, String message) {
        return run((data, self) -> data.holder(key))
                .thenCompose(holder ->
                        holder.isPresent() ? send(holder.get(), message) : CompletableFuture.completedFuture(false));
    }

    private static StoreUnreachableException ended() {
        return new StoreUnreachableException("closed: this in-memory store was closed", null);
    }

    /**
     * Ends this store object: its operations fail from now on, it hears of no more grants, and is dropped from a queue
     * when its turn comes. What it holds stays held until it expires. Idempotent.
     */
    @Override
    public void close() {
        closed = true;
        InMemoryClient connected = client.get();
        if (connected != null) {
            server.listen(connected, false);
            connected.close();
        }
    }

    /** Cuts the push connection: grants and messages to this instance count as not received, and it is dropped from queues. */
    public void disconnectPushes() {
        server.listen(started(), false);
    }

    /** Mends what {@link #disconnectPushes} cut, and tells the instance, as a store does that has connected again. */
    public void reconnectPushes() {
        InMemoryClient connected = started();
        if (!closed) {
            server.listen(connected, true);
            connected.reconnected();
        }
    }

    /**
     * Deletes a key as an administrator would: its waiters hear nothing.
     *
     * @param key the key
     * @return whether it was there
     */
    public boolean delete(String key) {
        return server.run(data -> data.delete(key));
    }

    /** Loses everything, as FLUSHALL does: leases, queues and the fence counter. */
    public void loseData() {
        server.run(data -> {
            data.loseAll();
            return true;
        });
    }

    /**
     * Copies everything, as replication does at some moment: leases, queues and the fence counter.
     *
     * @return a copy for {@link #restore}
     */
    public Snapshot snapshot() {
        return server.run(Snapshot::new);
    }

    /**
     * Puts a copy in the place of everything, as a failover to a replica does that missed the last writes. What has expired
     * meanwhile is gone.
     *
     * @param snapshot the copy, of this store or a sibling; it can be used again
     */
    public void restore(Snapshot snapshot) {
        server.run(data -> {
            data.restore(snapshot.copy);
            return true;
        });
    }

    /**
     * Sets a key as another lock library would, even if it is held.
     *
     * @param key the key
     * @param remaining until it expires, in whole milliseconds; null for never
     */
    public void putForeign(String key, @Nullable Duration remaining) {
        server.run(data -> {
            data.putForeign(key, remaining == null ? -1 : remaining.toMillis());
            return true;
        });
    }

    /**
     * Sets a key to something that is no lock (a hash, say), so that operations on it are refused until it is deleted.
     *
     * @param key the key
     */
    public void putWrongType(String key) {
        server.run(data -> {
            data.putWrongType(key);
            return true;
        });
    }

    /**
     * Steps the server's clock, which counts leases and makes fencing tokens, and nothing else.
     *
     * @param step how far; negative for back
     */
    public void stepClock(Duration step) {
        server.stepClock(step);
    }

    /**
     * What is in the store now: for asserting that a test leaves nothing behind.
     *
     * @return the contents
     */
    public Contents contents() {
        return server.run(data -> new Contents(data.heldKeys(), data.waiters()));
    }

    <T> CompletionStage<T> run(BiFunction<InMemoryData, InMemoryClient, T> operation) {
        InMemoryClient self = started();
        try {
            return CompletableFuture.completedStage(server.run(data -> {
                if (closed) {
                    throw ended();
                }
                return operation.apply(data, self);
            }));
        } catch (StoreException e) {
            return CompletableFuture.failedStage(e);
        }
    }

    private InMemoryClient started() {
        InMemoryClient connected = client.get();
        if (connected == null) {
            throw new IllegalStateException("not started");
        }
        return connected;
    }

    /** A copy of all data at one moment; opaque, immutable. */
    public static final class Snapshot {
        final InMemoryData.Copy copy;

        private Snapshot(InMemoryData data) {
            this.copy = data.copy();
        }
    }

    /**
     * What an in-memory store holds, without its fence counter.
     *
     * @param heldKeys the keys that are taken, by us or others
     * @param waiters how many instances stand in the queue of each key that has one, dead ones included
     */
    public record Contents(SortedSet<String> heldKeys, SortedMap<String, Integer> waiters) {

        /**
         * Whether nothing is left.
         *
         * @return true if no key is held and nobody waits
         */
        public boolean isEmpty() {
            return heldKeys.isEmpty() && waiters.isEmpty();
        }
    }
}
