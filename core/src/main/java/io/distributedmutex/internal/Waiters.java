package io.distributedmutex.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The local queue of a key: first come, first served, and left from anywhere in constant time. Linked through the waiters
 * themselves, so that a key for which nobody waits has next to nothing, and joining allocates nothing.
 *
 * <p>Not thread-safe: guarded by the monitor of the {@link KeyQueue}.
 */
final class Waiters {

    private @Nullable Waiter first;
    private @Nullable Waiter last;

    boolean isEmpty() {
        return first == null;
    }

    /** Who came first. There must be one. */
    Waiter first() {
        Waiter head = first;
        if (head == null) {
            throw new IllegalStateException("nobody waits");
        }
        return head;
    }

    /** Whether it waits here still. It joins one queue, once. */
    boolean contains(Waiter waiter) {
        return waiter.queued;
    }

    void add(Waiter waiter) {
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
    void remove(Waiter waiter) {
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

    /** Takes out who came first. */
    Waiter removeFirst() {
        Waiter head = first();
        remove(head);
        return head;
    }

    /** All, first come first; the queue may change meanwhile. */
    List<Waiter> all() {
        List<Waiter> all = new ArrayList<>();
        for (Waiter waiter = first; waiter != null; waiter = waiter.next) {
            all.add(waiter);
        }
        return all;
    }
}
