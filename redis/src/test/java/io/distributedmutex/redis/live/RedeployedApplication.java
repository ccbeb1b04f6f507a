package io.distributedmutex.redis.live;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.MutexListener;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Function;

/** Uses all that could keep it alive, from its start to its stop. Loaded by the class loader of each application. */
public final class RedeployedApplication implements Consumer<String> {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** For each call of {@link #tell}. */
    private final CountDownLatch told = new CountDownLatch(8);

    @Override
    public void accept(String uri) {
        try (DistributedMutex mutex = RedisMutex.builder()
                .uri(uri)
                // Its first requests load classes, which takes a busy machine longer than the usual 2 s.
                .commandTimeout(PATIENCE)
                .options(LockOptions.builder()
                        .leaseTime(Duration.ofSeconds(30))
                        .autoRenew(Duration.ofMinutes(1))
                        .build())
                .listener(new Listener())
                .connect()) {
            use(mutex);
        }
        Await.until("all to be told", () -> told.getCount() == 0);
    }

    @SuppressWarnings("FutureReturnValueIgnored") // What is attached to them tells.
    private void use(DistributedMutex mutex) {
        Lease lease = mutex.acquire("handed over");
        CompletableFuture<Void> next = mutex.acquireAsync("handed over").thenAccept(Lease::close);
        lease.close();
        next.join();
        mutex.run("scoped", running -> {});

        Lease lost = mutex.acquire("lost");
        lost.onLost(it -> tell());
        lost.lost().thenRun(this::tell);
        mutex.forceRelease("lost");
        lost.release();

        // Left to close().
        mutex.acquire("held").onLost(it -> tell());
        mutex.acquireAsync("held").whenComplete((it, error) -> tell());
        mutex.asLock("locked").lock();
        new MutexAdapter(mutex).acquire("adapted");
    }

    private void tell() {
        told.countDown();
    }

    /** An application that happens to be the first that needs what all applications of its container share. */
    public static final class First implements Function<String, DistributedMutex> {

        @Override
        public DistributedMutex apply(String uri) {
            DistributedMutex shared =
                    RedisMutex.builder().uri(uri).commandTimeout(PATIENCE).connect();
            shared.acquireAsync("shared").thenAccept(Lease::close).join();
            return shared;
        }
    }

    private final class Listener implements MutexListener {
        @Override
        public void onLost(Lease lease, LossReason reason) {
            tell();
        }
    }
}
