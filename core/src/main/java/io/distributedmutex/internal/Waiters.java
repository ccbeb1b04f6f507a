package io.distributedmutex.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The local queue of a key: first come, first served, and left from anywhere in constant time. Linked through the waiters
 * themselves, so that joining allocates nothing; the base of the {@link KeyQueue} rather than a part of it, since there is
 * one for every held lease.
 *
 * <p>Not thread-safe: guarded by the monitor of the {@link KeyQueue}.
 */
abstract class Waiters extends Steps {

    private @Nullable Waiter first;
    private @Nullable Waiter last;

    Waiters(Instance instance, String key) {
        super(instance, key);
    }

    final boolean hasWaiters() {
        return first != null;
    }

    /** Who came first. There must be one. */
    final Waiter firstWaiter() {
        Waiter head = first;
        if (head == null) {
            throw new IllegalStateException("nobody waits");
        }
        return head;
    }

    final void addWaiter(Waiter waiter) {
        Waiter before = last;
        waiter.queued = true;
        waiter.previous = before;
        last = waiter;
        if (before == null) {
            first = waiter;
        } else {
            before.next = waiter;
        }
    }

    /** Takes out one that waits here. */
    final void removeWaiter(Waiter waiter) {
        Waiter before = waiter.previous;
        Waiter after = waiter.next;
        if (before == null) {
            first = after;
        } else {
            before.next = after;
        }
        if (after == null) {
            last = before;
        } else {
            after.previous = before;
        }
        waiter.queued = false;
        waiter.previous = null;
        waiter.next = null;
    }

    /** How often the least patient of them wants the store to be asked. */
    final long shortestRetryMillis() {
        long shortest = Long.MAX_VALUE;
        for (Waiter waiter = first; waiter != null; waiter = waiter.next) {
            shortest = Math.min(shortest, waiter.retryMillis());
        }
        return shortest;
    }

    /** All, first come first; the queue may change meanwhile. */
    final List<Waiter> allWaiters() {
        List<Waiter> all = new ArrayList<>();
        for (Waiter waiter = first; waiter != null; waiter = waiter.next) {
            all.add(waiter);
        }
        return all;
    }
}
