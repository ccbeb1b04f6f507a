package io.distributedmutex.testing;

import java.util.concurrent.Executor;

/**
 * Runs each task on a thread of its own. The common pool, which {@code CompletableFuture.runAsync(task)} would use, has one
 * thread on a machine with two cores, and JDK 25 takes no other: a task that blocks would keep the next one from starting.
 */
public final class OwnThread {

    /** Starts a daemon thread for each task. */
    public static final Executor EACH = task -> {
        Thread thread = new Thread(task, "test-task");
        thread.setDaemon(true);
        thread.start();
    };

    private OwnThread() {}
}
