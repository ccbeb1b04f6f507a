package io.distributedmutex.internal;

import io.distributedmutex.spi.Messages;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Notices when threads of this instance wait for each other's keys in a circle, or one for a key that it holds itself.
 *
 * <p>A thread that has waited for a while says for which key, then follows who holds it and what that one waits for. Since
 * each says so before it looks, the last one to close a circle sees all of it. Circles through other processes are not
 * seen; the wait time ends those, and its exception says who holds the key.
 */
final class DeadlockDetector {

    private static final int LONGEST_CIRCLE = 32;

    private final Function<String, @Nullable Thread> owners;
    private final Events events;
    private final ConcurrentHashMap<Thread, String> waiting = new ConcurrentHashMap<>();

    /**
     * Knows no waits yet.
     *
     * @param owners the thread that owns a key in this process; null if none does
     */
    DeadlockDetector(Function<String, @Nullable Thread> owners, Events events) {
        this.owners = owners;
        this.events = events;
    }

    /** The calling thread waits for a key, and has for a while. */
    void waiting(String key, Waiter waiter) {
        Thread self = Thread.currentThread();
        waiting.put(self, key);
        List<String> keys = new ArrayList<>();
        String next = key;
        while (next != null && keys.size() < LONGEST_CIRCLE) {
            keys.add(Messages.shown(next));
            Thread owner = owners.apply(next);
            if (owner == self) {
                if (waiter.isSettled()) {
                    // Granted just now: it owns what it waited for.
                    return;
                }
                events.deadlockSuspected(keys);
                return;
            }
            next = owner == null ? null : waiting.get(owner);
        }
    }

    /** The calling thread waits no longer. */
    void resolved() {
        waiting.remove(Thread.currentThread());
    }
}
