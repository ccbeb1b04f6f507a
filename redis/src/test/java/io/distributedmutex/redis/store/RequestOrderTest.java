package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Requests for one key take effect in the order they were made, whichever threads make them. */
class RequestOrderTest {

    private final EmbeddedRedis redis = EmbeddedRedis.start();
    private final StartedStore store = StartedStore.on(redis, Duration.ofMinutes(1));

    @AfterEach
    void stop() {
        store.close();
        redis.close();
    }

    @Test
    void aRequestOfTheReplyThreadDoesNotOvertakeAnEarlierOneOfAnotherThread() throws InterruptedException {
        loadScripts();
        String token = newToken();
        get(store.tryAcquire("k", token));
        CountDownLatch onReplyThread = new CountDownLatch(1);
        CountDownLatch renewalMade = new CountDownLatch(1);
        CompletableFuture<Ownership> released = new CompletableFuture<>();
        redis.pause();
        CompletionStage<?> reply = store.store().inspect("k");
        reply.whenComplete((value, error) -> {
            onReplyThread.countDown();
            try {
                renewalMade.await();
            } catch (InterruptedException e) {
                released.completeExceptionally(e);
            }
            store.store().release("k", token, 0).thenAccept(released::complete);
        });
        redis.resume();
        onReplyThread.await();

        CompletionStage<Ownership> renewed = store.store().renew("k", token, 60_000);
        renewalMade.countDown();

        assertThat(get(renewed)).isEqualTo(Ownership.HELD);
        assertThat(get(released)).isEqualTo(Ownership.HELD);
    }

    @Test
    void manyThreadsAndTheReplyThreadKeepEachKeyInOrder() {
        loadScripts();
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<CompletableFuture<Void>> all = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                String key = "k" + i;
                all.add(CompletableFuture.runAsync(
                        () -> {
                            List<CompletionStage<?>> rounds = new ArrayList<>();
                            for (int round = 0; round < 200; round++) {
                                String token = newToken();
                                rounds.add(store.tryAcquire(key, token));
                                rounds.add(store.store()
                                        .renew(key, token, 20_000)
                                        .thenAccept(held -> assertThat(held).isEqualTo(Ownership.HELD)));
                                rounds.add(store.store()
                                        .release(key, token, 0)
                                        .thenAccept(held -> assertThat(held).isEqualTo(Ownership.HELD)));
                                // From the thread of the reply, as the engine does.
                                rounds.add(store.store()
                                        .inspect(key)
                                        .thenCompose(ignored -> store.store().inspect(key)));
                            }
                            rounds.forEach(StartedStore::get);
                        },
                        threads));
            }
            all.forEach(StartedStore::get);
        } finally {
            threads.shutdownNow();
        }
    }

    /** A request that has to be repeated with its script's text may be overtaken; that is not what is tested here. */
    private void loadScripts() {
        String token = newToken();
        get(store.tryAcquire("warm", token));
        get(store.store().renew("warm", token, 20_000));
        get(store.store().release("warm", token, 0));
        get(store.store().inspect("warm"));
    }
}
