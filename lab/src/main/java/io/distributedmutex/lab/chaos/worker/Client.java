package io.distributedmutex.lab.chaos.worker;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.cli.console.Durations;
import io.distributedmutex.lab.chaos.history.Call;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The calls of the library that a chaos worker makes, each reported before and after. For one thread. */
final class Client {

    private static final long DESPAIR_MILLIS = 30_000;

    private final Telling telling;
    private final AtomicLong calls;
    private final ScheduledExecutorService timer;
    private final Duration commandTimeout;
    private final boolean deaf;

    /**
     * Makes a client.
     *
     * @param telling hears of each call
     * @param calls counts the calls of the process
     * @param timer interrupts and cancels
     * @param commandTimeout how long one request may take
     * @param deaf whether losses are not listened to
     */
    Client(Telling telling, AtomicLong calls, ScheduledExecutorService timer, Duration commandTimeout, boolean deaf) {
        this.telling = telling;
        this.calls = calls;
        this.timer = timer;
        this.commandTimeout = commandTimeout;
        this.deaf = deaf;
    }

    /** What asks for a lease. */
    private interface Request {
        @Nullable
        Lease send() throws InterruptedException;
    }

    @Nullable
    Lease acquire(DistributedMutex view, String key) throws InterruptedException {
        return call(view, key, "acquire", view.options().waitTime(), () -> view.acquire(key));
    }

    /** For a lease that is renewed until it is given back. */
    @Nullable
    Lease acquireRenewed(DistributedMutex view, String key) throws InterruptedException {
        return call(view, key, Call.RENEWED, view.options().waitTime(), () -> view.acquire(key));
    }

    /** As who may hold another key meanwhile. */
    @Nullable
    Lease acquireInCircle(DistributedMutex view, String key) throws InterruptedException {
        return call(view, key, Call.CIRCLE, view.options().waitTime(), () -> view.acquire(key));
    }

    @Nullable
    Lease tryAcquire(DistributedMutex view, String key) throws InterruptedException {
        return call(view, key, "try", commandTimeout, () -> view.tryAcquire(key).orElse(null));
    }

    @Nullable
    Lease acquireInterrupted(DistributedMutex view, String key, long afterMillis) throws InterruptedException {
        return call(view, key, "interrupt", view.options().waitTime(), () -> {
            Interruption interruption = new Interruption(Thread.currentThread());
            ScheduledFuture<?> due = timer.schedule(interruption::happen, afterMillis, TimeUnit.MILLISECONDS);
            try {
                return view.acquire(key);
            } finally {
                due.cancel(false);
                interruption.end();
            }
        });
    }

    @Nullable
    Lease acquireAsync(DistributedMutex view, String key) throws InterruptedException {
        return call(view, key, "async", view.options().waitTime(), () -> outcome(view, view.acquireAsync(key)));
    }

    @Nullable
    Lease acquireAsyncCancelled(DistributedMutex view, String key, long afterMillis) throws InterruptedException {
        return call(view, key, "cancel", view.options().waitTime(), () -> {
            CompletableFuture<Lease> future = view.acquireAsync(key);
            ScheduledFuture<?> due = timer.schedule(() -> future.cancel(false), afterMillis, TimeUnit.MILLISECONDS);
            try {
                return outcome(view, future);
            } finally {
                due.cancel(false);
            }
        });
    }

    private static Lease outcome(DistributedMutex view, CompletableFuture<Lease> future) throws InterruptedException {
        try {
            return future.get(view.options().waitTime().toMillis() + DESPAIR_MILLIS, TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof LockException known) {
                throw known;
            }
            throw new IllegalStateException("a future failed with what is not documented", e);
        } catch (TimeoutException e) {
            throw new IllegalStateException(Call.NO_OUTCOME, e);
        }
    }

    private @Nullable Lease call(DistributedMutex view, String key, String how, Duration bound, Request request)
            throws InterruptedException {
        long call = calls.incrementAndGet();
        telling.tell(Kind.CALL, call, key, 0, bound.toNanos(), how);
        Lease lease;
        try {
            lease = request.send();
        } catch (RuntimeException e) {
            // Our interrupt ends with the call.
            Thread.interrupted();
            telling.tell(Kind.NOT_ACQUIRED, call, key, 0, 0, name(e));
            return null;
        }
        if (lease == null) {
            telling.tell(Kind.NOT_ACQUIRED, call, key, 0, 0, Call.TAKEN);
            return null;
        }
        telling.entered(lease, call, view.options().leaseTime());
        if (!deaf) {
            lease.onLost(lost -> telling.tell(
                    Kind.LOST, call, lost, 0, lost.lossReason().map(Enum::name).orElse("unknown")));
        }
        return lease;
    }

    /** Makes the lease last at least so long. */
    void extend(DistributedMutex view, Lease lease, Duration leaseTime) {
        telling.extending(lease, leaseTime);
        long call = calls.incrementAndGet();
        // The last attempt begins within the wait time, and may take a command time-out.
        Duration bound = view.options().waitTime().plus(commandTimeout);
        telling.tell(Kind.EXTEND, call, lease, bound.toNanos(), Durations.format(leaseTime));
        String outcome = Call.OK;
        try {
            lease.extend(leaseTime);
            telling.extended(lease);
        } catch (LockException e) {
            outcome = name(e);
        }
        telling.tell(Kind.EXTENDED, call, lease, 0, outcome);
    }

    /** Gives the lease back, waiting for the answer or not. */
    void release(DistributedMutex view, Lease lease, boolean waiting) {
        telling.forget(lease);
        long call = calls.incrementAndGet();
        Duration bound = waiting ? view.options().waitTime() : Duration.ZERO;
        if (!view.options().minimumHold().isZero()) {
            telling.tell(Kind.KEPT, 0, lease, view.options().minimumHold().toNanos(), "");
        }
        telling.tell(Kind.RELEASING, call, lease, bound.toNanos(), waiting ? "release" : "close");
        String outcome = Call.OK;
        if (waiting) {
            try {
                outcome = lease.release() ? Call.OK : "lost";
            } catch (LockException e) {
                outcome = name(e);
            }
        } else {
            lease.close();
        }
        telling.tell(Kind.RELEASED, call, lease, 0, outcome);
    }

    private static String name(RuntimeException outcome) {
        if (outcome instanceof StoreRefusedException refused) {
            return "StoreRefusedException " + refused.reason();
        }
        if (outcome instanceof CancellationException) {
            return Call.CANCELLED;
        }
        return outcome instanceof LockException
                ? outcome.getClass().getSimpleName()
                : String.valueOf(outcome.getMessage()) + ": " + outcome.getCause();
    }

    /** An interrupt that hits a thread within one call, or never comes. */
    private static final class Interruption {
        private final Thread thread;
        private boolean over;

        Interruption(Thread thread) {
            this.thread = thread;
        }

        synchronized void happen() {
            if (!over) {
                thread.interrupt();
            }
        }

        /** The call has ended: no interrupt comes any more, and one that came is cleared. */
        synchronized void end() {
            over = true;
            Thread.interrupted();
        }
    }
}
