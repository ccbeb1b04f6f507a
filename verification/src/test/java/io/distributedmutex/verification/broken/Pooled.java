package io.distributedmutex.verification.broken;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;

final class Pooled {

    CompletableFuture<Void> runs() {
        return CompletableFuture.runAsync(() -> {});
    }

    CompletableFuture<String> supplies() {
        return CompletableFuture.supplyAsync(() -> "");
    }

    Executor takes() {
        return ForkJoinPool.commonPool();
    }
}
