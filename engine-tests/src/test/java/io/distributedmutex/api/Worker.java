package io.distributedmutex.api;

import io.distributedmutex.testing.Await;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A thread that does one thing which a test looks at. */
final class Worker<T> {

    private final FutureTask<T> task;
    private final Thread thread;

    private Worker(Callable<T> work) {
        task = new FutureTask<>(work);
        thread = new Thread(task, "worker");
        thread.setDaemon(true);
    }

    static <T> Worker<T> start(Callable<T> work) {
        Worker<T> worker = new Worker<>(work);
        worker.thread.start();
        return worker;
    }

    /** Starts it and returns when it waits: it is in an untimed or timed wait, most likely of the engine. */
    static <T> Worker<T> startAndBlock(Callable<T> work) {
        Worker<T> worker = start(work);
        worker.awaitBlocked();
        return worker;
    }

    /** Returns when the thread waits, or has ended. */
    void awaitBlocked() {
        Await.until(() -> isDone()
                || thread.getState() == Thread.State.WAITING
                || thread.getState() == Thread.State.TIMED_WAITING);
    }

    Thread thread() {
        return thread;
    }

    boolean isDone() {
        return task.isDone();
    }

    void interrupt() {
        thread.interrupt();
    }

    /** What it returned; fails if it threw, or does not end. */
    T result() {
        try {
            return task.get(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("the worker threw", e.getCause());
        } catch (TimeoutException | InterruptedException e) {
            throw new AssertionError("the worker does not end; it is at " + stack(), e);
        }
    }

    /** What it threw; fails if it returned, or does not end. */
    Throwable failure() {
        try {
            T result = task.get(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
            throw new AssertionError("the worker threw nothing but returned " + result);
        } catch (ExecutionException e) {
            return e.getCause();
        } catch (TimeoutException | InterruptedException e) {
            throw new AssertionError("the worker does not end; it is at " + stack(), e);
        }
    }

    private String stack() {
        return Arrays.toString(thread.getStackTrace());
    }
}
