package io.distributedmutex.testkit.memory;

import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.memory.InMemoryData.Grant;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An instance as the in-memory server knows it: its id, its label, and the way by which grants and messages reach it: in
 * order, one at a time, and never while the data is locked. They are added under the lock and delivered after it; if two
 * threads come to deliver, one of them does it for both.
 */
final class InMemoryClient {

    private static final Logger LOG = LoggerFactory.getLogger(InMemoryClient.class);

    private final String id;
    private final String label;
    private final String instance;
    private final StoreEvents events;
    private final Queue<Runnable> pushes = new ConcurrentLinkedQueue<>();

    /** How often delivery was asked for since it was last idle; who raises it from zero delivers. */
    private final AtomicInteger asked = new AtomicInteger();

    private volatile boolean closed;

    InMemoryClient(String id, String label, String instance, StoreEvents events) {
        this.id = id;
        this.label = label;
        this.instance = instance;
        this.events = events;
    }

    String id() {
        return id;
    }

    String label() {
        return label;
    }

    /** What its user called it by: to whom messages go. */
    String instance() {
        return instance;
    }

    void add(Grant grant) {
        pushes.add(() -> tell(grant));
    }

    void add(String message) {
        pushes.add(() -> tell(message));
    }

    void deliver() {
        if (asked.getAndIncrement() != 0) {
            return;
        }
        int done = 1;
        do {
            Runnable push = pushes.poll();
            while (push != null) {
                push.run();
                push = pushes.poll();
            }
            done = asked.addAndGet(-done);
        } while (done != 0);
    }

    void reconnected() {
        try {
            events.reconnected();
        } catch (RuntimeException | Error e) {
            LOG.warn("the listener of {} ({}) threw when told that it is connected again", id, label, e);
        }
    }

    void close() {
        closed = true;
    }

    private void tell(Grant grant) {
        if (closed) {
            return;
        }
        try {
            events.granted(grant.key(), grant.token(), grant.fencingToken(), grant.fencingTokens());
        } catch (RuntimeException | Error e) {
            LOG.warn("the listener of {} ({}) threw when told that it was granted '{}'", id, label, grant.key(), e);
        }
    }

    private void tell(String message) {
        if (closed) {
            return;
        }
        try {
            events.message(message);
        } catch (RuntimeException | Error e) {
            LOG.warn("the listener of {} ({}) threw when it was sent a message", id, label, e);
        }
    }
}
