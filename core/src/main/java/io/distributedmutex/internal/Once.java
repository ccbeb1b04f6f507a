package io.distributedmutex.internal;

import java.util.concurrent.atomic.AtomicBoolean;

/** A task that runs once, also where an executor took it and threw all the same. */
class Once extends AtomicBoolean implements Runnable {
    private static final long serialVersionUID = 1L;

    private final transient Runnable task;

    Once(Runnable task) {
        this.task = task;
    }

    @Override
    public void run() {
        if (compareAndSet(false, true)) {
            task.run();
        }
    }
}
