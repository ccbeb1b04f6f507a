package io.distributedmutex;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * One holding of a key by one holder, with an end. The handle proves ownership, not the thread: any thread may use or
 * release it. All methods are safe for use by many threads.
 *
 * <p>Validity is decided by a deadline on the monotonic clock of this process, counted from before the request was sent
 * and less a drift margin of 1 % + 2 ms, so that it always ends before the store's expiry. Only {@link #extend},
 * {@link #ensure} and {@link #release} wait for the store. {@link #close} sends a request; the other methods do no I/O.
 *
 * <p>Right after a hand-off from another instance a lease may be shorter than its lease time: not less than what is left of the
 * claim time of 2 s. A background request lengthens it. It is sent after 50 ms, or at once if little is left.
 */
public interface Lease extends AutoCloseable {

    /**
     * The key as the user gave it.
     *
     * @return the key
     */
    String key();

    /**
     * A number that is larger than that of every earlier lease on this key. Hand it to the guarded resource, which must
     * refuse a smaller one than it has seen. Positive, and below 2^53 so that JSON clients can carry it.
     *
     * @return the fencing token
     */
    long fencingToken();

    /**
     * The state of the lease. A lease whose deadline has passed is LOST at the latest when this is called.
     *
     * @return the state
     */
    LeaseState state();

    /**
     * Whether the lease is still ours, by the local deadline. No I/O.
     *
     * @return true while HELD or AT_RISK and before the deadline
     */
    boolean isValid();

    /**
     * How long the lease is still valid unless renewed.
     *
     * @return the time left, {@link Duration#ZERO} if the lease is not valid
     */
    Duration remaining();

    /**
     * Why the lease was lost.
     *
     * @return the reason, or empty if the lease is not LOST
     */
    Optional<LossReason> lossReason();

    /**
     * Makes the lease last for this time from now, if it does not last longer already. Asks the store in any case, so a normal
     * return says that the lease is still held there. Repeats the request after transient errors while the lease is valid, for
     * the wait time at most. Waits for the store even if interrupted (the flag is kept).
     *
     * <p>Nothing shortens a lease. To free its key sooner, {@linkplain #release() release} it; to keep the key taken for some
     * time after that, use {@link LockOptions.Builder#minimumHold}.
     *
     * @param leaseTime from 10 ms to 365 days, a fraction of a millisecond is rounded up; cut off at the maximum
     *     hold of a renewed lease
     * @throws IllegalArgumentException if the time is out of bounds
     * @throws LeaseLostException if the lease is lost or released; it is never resurrected
     * @throws StoreException if the store did not confirm; the lease keeps its deadline
     */
    void extend(Duration leaseTime);

    /**
     * Makes sure that at least this much time remains when it returns: extends if less does, without I/O if not. Repeats
     * that for the wait time at most if the store answers too slowly.
     *
     * @param leaseTime from 10 ms to 365 days, a fraction of a millisecond is rounded up
     * @throws IllegalArgumentException if the time is out of bounds
     * @throws LeaseLostException if the lease is lost or released; also, with the reason EXPIRED, if its maximum hold ends
     *     sooner: it is then valid until that
     * @throws StoreException if the store did not confirm, or not in time; the lease is valid for {@link #remaining}
     */
    void ensure(Duration leaseTime);

    /**
     * Adds a listener, which is called once if the lease is lost: no later than the deadline (plus scheduling delay), or at
     * once if the lease is lost already. Never called if the lease is released. It runs on a thread of its own and may block;
     * exceptions that it throws are logged.
     *
     * @param listener receives this lease
     */
    void onLost(Consumer<? super Lease> listener);

    /**
     * A future that completes with the reason if the lease is lost, and is cancelled when it is released. Dependent
     * stages run on the instance's callback threads and may block.
     *
     * @return a future of its own for each call; completing it has no effect on the lease
     */
    CompletableFuture<LossReason> lost();

    /**
     * Gives the lease back, waits for the store's answer and says whether the lease was still held. Retries transient errors
     * for the wait time (not at all if that is zero), and in the background until the lease's end. Waits even if interrupted
     * (the flag is kept). If the lease passes to another thread of this instance, its local deadline decides the answer.
     *
     * @return true if the lease was held until now; false if it had been lost or released before, in which case nothing
     *     is touched
     * @throws StoreException if the store did not answer: the key then frees itself at the lease's end
     */
    boolean release();

    /**
     * Ends the lease locally and returns. The release is sent in the background and repeated until the lease would have ended;
     * no later request of this instance overtakes it. Idempotent. Throws nothing for a lost lease: the listeners, the state
     * and a WARN line say so.
     */
    @Override
    void close();
}
