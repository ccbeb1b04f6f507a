package io.distributedmutex.redis;

import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.protocol.RedisCommand;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands calls to Lettuce in the order in which they come, several at a time: one write to the socket, and one read for the
 * server, serve all calls that came while the I/O thread was busy.
 *
 * <p>Lettuce alone does neither. What the I/O thread writes goes out at once; it overtakes what other threads wrote before,
 * which is still on its way to the I/O thread; and each command is a write of its own. So here the I/O thread hands over all
 * calls. The event loops of an application's client are not ours to use; with such a client the callers hand over, and an
 * executor does it for calls that the I/O thread makes.
 *
 * <p>A thread that finds nobody handing over claims the work for all. The claim must end in every way out, also by an error
 * that strikes anywhere (no memory, no stack); otherwise nobody would ever hand over again. So a plain write, which cannot
 * fail, gives it back. A claim that is on its way to an executor may be taken over ({@link #rescue}). Calls left in the queue
 * go out with the next call, or when a call times out.
 */
final class HandOver {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** How many calls are handed to Lettuce before the thread that does it lets others run. */
    private static final int MAXIMUM_HAND_OVER = 1_000;

    /**
     * How many calls go out in one write: a quarter of those that wait, and at most four. More would save system calls, but the
     * server would begin later, and answer all at once. Of the most, 1, 2, 4, 8, 16 and all were tried; of the part, all, a
     * half, a quarter and an eighth (docs/performance.md).
     */
    private static final int CALLS_PER_WRITE = 4;

    /** The most in one write with releases, which do not count: they go out with what comes behind them. */
    private static final int CALLS_AND_RELEASES_PER_WRITE = 2 * CALLS_PER_WRITE;

    private static final int WRITES_FOR_THOSE_THAT_WAIT = 4;

    /** Nobody hands over. */
    private static final int FREE = 0;

    /** A thread hands over. */
    private static final int TAKEN = 1;

    /** An executor is to hand over. */
    private static final int PASSED_ON = 2;

    private static final VarHandle CLAIM;

    static {
        try {
            CLAIM = MethodHandles.lookup().findVarHandle(HandOver.class, "claim", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final StatefulConnection<byte[], byte[]> connection;
    private final Executor executor;
    private final BooleanSupplier isOpen;
    private final boolean sharesWrites;

    /** What is to be handed over, in order. */
    private final Queue<Call<?>> unsent = new ConcurrentLinkedQueue<>();

    private final Runnable passedOn = this::runPassedOn;

    @SuppressWarnings("UnusedVariable") // Read by CLAIM.
    private volatile int claim;

    /** Lettuce has not taken a call: what the connection's events say about that has to come first. */
    private volatile boolean rejected;

    /** The first of the unsent calls. Only for the thread that has the claim. */
    private final ArrayDeque<Call<?>> next = new ArrayDeque<>(CALLS_PER_WRITE * WRITES_FOR_THOSE_THAT_WAIT);

    /**
     * Hands over to a connection.
     *
     * @param connection where to
     * @param executor what hands over when the thread that has to must not
     * @param isOpen whether there is a connection now; calls wait while there is none
     * @param sharesWrites whether its channels have what opens a {@link SharedWrite}
     */
    HandOver(
            StatefulConnection<byte[], byte[]> connection,
            Executor executor,
            BooleanSupplier isOpen,
            boolean sharesWrites) {
        this.connection = connection;
        this.executor = executor;
        this.isOpen = isOpen;
        this.sharesWrites = sharesWrites;
    }

    /**
     * Hands over a call after all that were given to this method before.
     *
     * @param call the call
     * @param byExecutor whether this thread must not do it
     */
    void add(Call<?> call, boolean byExecutor) {
        unsent.add(call);
        if (!CLAIM.compareAndSet(this, FREE, TAKEN)) {
            return;
        }
        if (byExecutor) {
            passOn();
        } else {
            run();
        }
    }

    /** Lettuce did not take a call. It is tried once more, after what the executor has to do meanwhile. */
    void again(Call<?> call) {
        rejected = true;
        add(call, true);
    }

    /** There is a connection, or calls have ended that waited for one. */
    void resume() {
        if (CLAIM.compareAndSet(this, FREE, TAKEN)) {
            passOn();
        }
    }

    /** Calls are not handed over in time: does it on this thread, if no other is doing it just now. */
    void rescue() {
        if (CLAIM.compareAndSet(this, FREE, TAKEN) || CLAIM.compareAndSet(this, PASSED_ON, TAKEN)) {
            run();
        }
    }

    /** Never throws: what a task throws ends some executors of Netty for good. The calls that it met have its error. */
    private void runPassedOn() {
        try {
            if (CLAIM.compareAndSet(this, PASSED_ON, TAKEN)) {
                run();
            }
        } catch (Throwable e) {
            failed(e);
        }
    }

    @SuppressWarnings("EmptyCatch")
    private static void failed(Throwable thrown) {
        try {
            log.error("an error while requests were handed over, which goes on", thrown);
        } catch (Throwable e) {
            // No place is left where this could be reported.
        }
    }

    /** With the claim: lets the executor go on with it. */
    private void passOn() {
        boolean accepted = false;
        claim = PASSED_ON;
        try {
            executor.execute(passedOn);
            accepted = true;
        } catch (RejectedExecutionException e) {
            // The client is shutting down; the commands are about to be refused.
            accepted = true;
            runPassedOn();
        } finally {
            if (!accepted) {
                // If it was accepted all the same, it finds no claim to go on with, or one that is passed on again.
                claim = FREE;
            }
        }
    }

    /** With the claim: hands over until nothing is left to hand over, and gives the claim back. */
    private void run() {
        int handedOver = 0;
        boolean claimed = true;
        try {
            while (true) {
                fill();
                if (!next.isEmpty() && isOpen.getAsBoolean()) {
                    if (rejected || handedOver >= MAXIMUM_HAND_OVER) {
                        rejected = false;
                        return;
                    }
                    handedOver += write();
                } else {
                    boolean left = !next.isEmpty();
                    claimed = false;
                    claim = FREE;
                    // Look again: calls that came while the claim was taken rely on the thread that had it.
                    boolean more = left ? isOpen.getAsBoolean() : !unsent.isEmpty();
                    if (!more || !CLAIM.compareAndSet(this, FREE, TAKEN)) {
                        return;
                    }
                    claimed = true;
                }
            }
        } finally {
            if (claimed) {
                // Also after an error: the executor has a stack of its own, and memory may have become free.
                passOn();
            }
        }
    }

    /** Takes as many as count for how many are written together; leaves out what has ended meanwhile. */
    private void fill() {
        while (next.size() < CALLS_PER_WRITE * WRITES_FOR_THOSE_THAT_WAIT) {
            Call<?> call = unsent.poll();
            if (call == null) {
                return;
            }
            if (!call.isDone()) {
                next.addLast(call);
            }
        }
    }

    private int write() {
        int count = Math.max(1, Math.min(next.size() / WRITES_FOR_THOSE_THAT_WAIT, CALLS_PER_WRITE));
        List<Call<?>> calls = new ArrayList<>(count + 1);
        for (int counted = 0; counted < count && calls.size() < CALLS_AND_RELEASES_PER_WRITE && !next.isEmpty(); ) {
            Call<?> call = next.removeFirst();
            calls.add(call);
            if (!call.isRelease()) {
                counted++;
            }
        }
        try {
            List<RedisCommand<byte[], byte[], ?>> commands = new ArrayList<>(calls.size() + 3);
            calls.forEach(call -> call.addTo(commands));
            if (commands.size() == 1) {
                connection.dispatch(calls.get(0));
            } else if (sharesWrites) {
                connection.dispatch(new SharedWrite(commands));
            } else {
                connection.dispatch(commands);
            }
        } catch (RuntimeException e) {
            calls.forEach(call -> call.completeExceptionally(e));
        } catch (Error e) {
            calls.forEach(call -> call.completeExceptionally(e));
            throw e;
        }
        return calls.size();
    }
}
