package io.distributedmutex.testkit.memory;

import io.distributedmutex.spi.StoreEvents;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.LongSupplier;

/**
 * What the store objects of one data set share: the data behind one lock, the server's clock, and the clients that
 * listen. Thread-safe.
 */
final class InMemoryServer {

    private final ReentrantLock lock = new ReentrantLock();
    private final LongSupplier nanoTime;
    private final long originNanos;
    private final InMemoryData data = new InMemoryData(this::publish);
    private final Map<String, InMemoryClient> listening = new HashMap<>();

    /** Who got a grant in the operation under way. */
    private final Set<InMemoryClient> granted = new LinkedHashSet<>();

    private long originMicros;
    private int clients;

    /**
     * A server without data.
     *
     * @param nanoTime the clock at whose rate the server's clock runs
     * @param originMicros the server's clock now, in microseconds since the epoch
     */
    InMemoryServer(LongSupplier nanoTime, long originMicros) {
        this.nanoTime = nanoTime;
        this.originNanos = nanoTime.getAsLong();
        this.originMicros = originMicros;
    }

    /** Runs an operation alone and at one point in time, and delivers its grants before it returns. */
    <T> T run(Function<InMemoryData, T> operation) {
        List<InMemoryClient> told = List.of();
        lock.lock();
        try {
            long elapsedNanos = nanoTime.getAsLong() - originNanos;
            return operation.apply(data.at(originMicros + elapsedNanos / 1000));
        } finally {
            if (!granted.isEmpty()) {
                told = List.copyOf(granted);
                granted.clear();
            }
            lock.unlock();
            told.forEach(InMemoryClient::deliver);
        }
    }

    /** Makes a client that listens. */
    InMemoryClient connect(String label, String instance, StoreEvents events) {
        lock.lock();
        try {
            clients++;
            InMemoryClient client = new InMemoryClient("client-" + clients, label, instance, events);
            listening.put(client.id(), client);
            return client;
        } finally {
            lock.unlock();
        }
    }

    void listen(InMemoryClient client, boolean listens) {
        lock.lock();
        try {
            if (listens) {
                listening.put(client.id(), client);
            } else {
                listening.remove(client.id());
            }
        } finally {
            lock.unlock();
        }
    }

    /** Sends a message to those who listen under an id, as PUBLISH does. Returns whether anybody does. */
    boolean send(String instance, String message) {
        List<InMemoryClient> receivers;
        lock.lock();
        try {
            receivers = listening.values().stream()
                    .filter(client -> client.instance().equals(instance))
                    .toList();
            receivers.forEach(client -> client.add(message));
        } finally {
            lock.unlock();
        }
        receivers.forEach(InMemoryClient::deliver);
        return !receivers.isEmpty();
    }

    void stepClock(Duration step) {
        lock.lock();
        try {
            originMicros += step.toNanos() / 1000;
        } finally {
            lock.unlock();
        }
    }

    private boolean publish(String client, InMemoryData.Grant grant) {
        InMemoryClient listener = listening.get(client);
        if (listener == null) {
            return false;
        }
        listener.add(grant);
        granted.add(listener);
        return true;
    }
}
