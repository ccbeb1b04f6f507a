package io.distributedmutex.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.util.ArrayList;
import java.util.List;

/** A client that speaks to the store itself. */
final class Stranger implements StoreEvents, AutoCloseable {
    static final String ID = "stranger-id";
    private static final String TOKEN = ID + "-0123456789";

    private final InMemoryLockStore store;
    final List<String> messages = new ArrayList<>();

    Stranger(World world) {
        store = world.server.sibling();
        store.start("stranger", ID, this);
    }

    void takes(String key) {
        assertThat(ask(key)).isInstanceOf(AcquireReply.Granted.class);
    }

    void releases(String key) {
        store.release(key, TOKEN, 0).toCompletableFuture().join();
    }

    void stopsListening() {
        store.disconnectPushes();
    }

    String ownerOf(String key) {
        return ((AcquireReply.Refused) ask(key)).ownerToken();
    }

    private AcquireReply ask(String key) {
        AcquireRequest request = new AcquireRequest(key, TOKEN, 600_000, false, 2_000, 2_000, null);
        return store.acquire(request).toCompletableFuture().join();
    }

    String lastMessage() {
        return messages.get(messages.size() - 1);
    }

    /** To the instance of a token. */
    void sendsTo(String token, String text) {
        assertThat(sends(token.substring(0, 11), text)).isTrue();
    }

    boolean sends(String instance, String text) {
        return store.send(instance, text).toCompletableFuture().join();
    }

    @Override
    public void granted(String key, String token, long fencingToken, int fencingTokens) {}

    @Override
    public void message(String text) {
        messages.add(text);
    }

    @Override
    public void reconnected() {}

    @Override
    public void close() {
        store.close();
    }
}
