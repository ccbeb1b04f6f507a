package io.distributedmutex.spi;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Where leases live. One store object serves one instance of {@code DistributedMutex}, which closes it. Many store objects
 * share the same data. The contract is executable: {@code LockStoreContract} in the testkit.
 *
 * <p>Every operation is one atomic step on the store and may be repeated safely with the same token. It never blocks the
 * caller. It completes within the store's command time-out: with a reply, or exceptionally with a {@link StoreException} (never
 * wrapped). Requests of one store object for one key take effect in the order in which they were made, as long as its
 * connection lasts. Completions may run on the store's I/O threads, so dependent stages must not block.
 *
 * <p>Fencing tokens rise strictly per key. Waiters are granted a key in the order they joined its queue. A waiter whose
 * sign of life is older than its {@link AcquireRequest#aliveMillis} is skipped. All methods are thread-safe.
 */
public interface LockStore extends AutoCloseable {

    /**
     * Starts the store for an instance. Called once, before any other method.
     *
     * @param label the holder's label, written into the leases of this instance; at most 128 characters
     * @param instance the instance's id, with which all its tokens begin: 11 characters of base64url. What others
     *     {@link #send} to it goes to {@link StoreEvents#message}
     * @param events hears of grants, reconnects and messages
     */
    void start(String label, String instance, StoreEvents events);

    /**
     * Asks for a key. If the key is free and nobody queues, or the token owns it already, the requester is granted it (in the
     * latter case perhaps with a greater fencing token than before, which counts then). If it is free but others queue, the first live one of them is granted it. In all other cases the requester is queued, if it
     * asked for that.
     *
     * @param request what is asked for
     * @return the reply
     */
    CompletionStage<AcquireReply> acquire(AcquireRequest request);

    /**
     * Gives a key back: grants it to the first live waiter, or frees it. Touches nothing if the token does not own it.
     *
     * @param key the key
     * @param token the owner's token
     * @param keepMillis if positive, the key stays taken for so long, owned by nobody
     * @return HELD if the token owned the key until now
     */
    CompletionStage<Ownership> release(String key, String token, long keepMillis);

    /**
     * Leaves the queue. If the token was granted the key meanwhile, gives it back as {@link #release} does.
     *
     * @param key the key
     * @param token the waiter's token
     * @return HELD if the token owned the key until now
     */
    CompletionStage<Ownership> cancel(String key, String token);

    /**
     * Makes a lease last longer, if the token owns the key. Never shortens one, so that requests which arrive late or in
     * another order do no harm.
     *
     * @param key the key
     * @param token the owner's token
     * @param leaseMillis how long it is to last from when the store handles the request; nothing happens if it lasts
     *     longer already
     * @return HELD if the token owns the key
     */
    CompletionStage<Ownership> renew(String key, String token, long leaseMillis);

    /**
     * Looks at a key.
     *
     * @param key the key
     * @return who holds it, or empty if it is free
     */
    CompletionStage<Optional<LockInfo>> inspect(String key);

    /**
     * Takes a key from its holder, ours or foreign, and grants it to the first live waiter, or frees it.
     *
     * @param key the key
     * @return who held it, or empty if it was free
     */
    CompletionStage<Optional<LockInfo>> forceRelease(String key);

    /**
     * Sends a message to an instance. It may be lost, late or repeated; nothing that a store promises depends on it. It serves
     * to find deadlocks.
     *
     * @param instance the receiver's id, as it was {@linkplain #start started} with; may be that of nobody, or of this instance
     * @param message any text of at most 65,536 characters
     * @return whether an instance of that id was there to receive it
     */
    CompletionStage<Boolean> send(String instance, String message);

    /**
     * {@linkplain #send Sends} a message to the instance that holds a key: that of the token that owns it. Serves to ask it about
     * its holder. A store need not be able to: the default sends nothing.
     *
     * @param key the key
     * @param message any text of at most 65,536 characters
     * @return whether an instance holds the key, as one of this library does, and was there to receive it
     */
    default CompletionStage<Boolean> sendToHolder(String key, String message) {
        return CompletableFuture.completedFuture(false);
    }

    /** Closes connections and ends threads. Pending operations complete exceptionally. Idempotent. */
    @Override
    void close();
}
