package io.distributedmutex.internal;

import io.distributedmutex.spi.Messages;
import org.jspecify.annotations.Nullable;

/**
 * The monitor of a key, and what follows from changes under it, in order.
 *
 * <p>All state of a key changes under this object's monitor. What follows from a change (a request to send, a thread to wake, a
 * listener to tell) becomes a step under the monitor ({@link #then}), and is done after it was left ({@link #drain}), by one
 * thread at a time and in the order of the changes. So no store, listener or thread is ever called with the monitor held, and
 * yet no request overtakes one that was decided before it: no poll arrives after the release of what it was granted.
 *
 * <p>An exception may come out of any change: a stack can be at its end, memory too. A change therefore puts down what follows
 * as soon as it is decided, each thing as a step of its own, and asks the environment last; and what an interrupted change has
 * left open is done by {@link #settle}, now or soon.
 *
 * <p>The base of a key's queue rather than a part of it, since there is one for every held lease; see ADR 13.
 */
abstract class Steps {

    /** What could not be done for want of memory, say, is tried again after this long. */
    private static final long MEND_NANOS = 250_000_000L;

    final Instance instance;
    final String key;

    /** What is to be done, in order: the last step, whose next is the first; null if nothing. */
    private @Nullable Step lastStep;
    /** Whether a thread is doing it. */
    private boolean draining;
    /** Whether a change was interrupted by an exception, and not all that it left open has been done since. */
    private boolean damaged;

    Steps(Instance instance, String key) {
        this.instance = instance;
        this.key = key;
    }

    /** One thing to be done. */
    private static final class Step {
        final Runnable action;
        Step next = this;

        Step(Runnable action) {
            this.action = action;
        }
    }

    /** Under the monitor: has something done after what was put before it, once the monitor is left and drained. */
    final void then(Runnable action) {
        Step step = new Step(action);
        instance.work.begin();
        if (lastStep != null) {
            step.next = lastStep.next;
            lastStep.next = step;
        }
        lastStep = step;
    }

    private @Nullable Step removeFirstStep() {
        if (lastStep == null) {
            return null;
        }
        Step first = lastStep.next;
        if (first == lastStep) {
            lastStep = null;
        } else {
            lastStep.next = first.next;
        }
        return first;
    }

    /** Outside the monitor, after each change: does what is to be done, unless a thread is at it, which then does this too. */
    final void drain() {
        boolean mine = false;
        try {
            while (true) {
                Step step;
                synchronized (this) {
                    if (draining && !mine) {
                        return;
                    }
                    if (damaged) {
                        settle();
                        damaged = false;
                    }
                    step = removeFirstStep();
                    mine = step != null;
                    draining = mine;
                    if (step == null) {
                        allDone();
                        return;
                    }
                }
                try {
                    step.action.run();
                } catch (Throwable t) {
                    // Not thrown: the thread may have come for something else, and the steps behind this one must be
                    // done.
                    failed(t);
                } finally {
                    instance.work.end();
                }
            }
        } catch (Throwable t) {
            if (mine) {
                synchronized (this) {
                    draining = false;
                }
            }
            drainLater();
            throw t;
        }
    }

    private void drainLater() {
        instance.scheduler.runAfter(this::drain, MEND_NANOS);
    }

    /** Under the monitor: something was thrown in the middle of a change. Does what it left open, now or soon. */
    final void mend(Throwable thrown) {
        failed(thrown);
        damaged = true;
        try {
            settle();
            damaged = false;
        } catch (Throwable again) {
            drainLater();
        }
    }

    private void failed(Throwable error) {
        Log.quietly(() -> Log.LOGGER.error("a step for {} failed; please report this", Messages.shown(key), error));
    }

    /** Under the monitor: brings back what holds between changes. Does nothing where it does. */
    abstract void settle();

    /** Under the monitor: all steps are done. */
    abstract void allDone();
}
