package io.distributedmutex.redis.equivalence;

import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.StoreEvents;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** An instance on one of the two sides: its store, and what that told of itself. */
final class Client {

    /** What the instances are called on both sides; the signs are those that the scripts' own texts are made of. */
    private static final List<String> LABELS = List.of("host:1", "a|b||1|", "\u00e4 \u20ac\n%d-", "");

    /** A grant that was pushed. */
    record Push(String key, String token, long fencingToken, int fencingTokens) {}

    private final LockStore store;
    private final Queue<Push> pushes = new ConcurrentLinkedQueue<>();
    private final AtomicInteger reconnections = new AtomicInteger();

    Client(LockStore store, int number) {
        this.store = store;
        store.start(LABELS.get(number), "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                pushes.add(new Push(key, token, fencingToken, fencingTokens));
            }

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {
                reconnections.incrementAndGet();
            }
        });
    }

    LockStore store() {
        return store;
    }

    boolean hasPushes() {
        return !pushes.isEmpty();
    }

    /** The pushes since this was last asked for. */
    List<Push> takePushes() {
        List<Push> taken = new ArrayList<>();
        for (Push push = pushes.poll(); push != null; push = pushes.poll()) {
            taken.add(push);
        }
        return taken;
    }

    void forget() {
        pushes.clear();
        reconnections.set(0);
    }

    int reconnections() {
        return reconnections.get();
    }
}
