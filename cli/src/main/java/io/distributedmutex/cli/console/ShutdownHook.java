package io.distributedmutex.cli.console;

/** Something to do if the process is ended from outside before this is closed. */
public final class ShutdownHook implements AutoCloseable {

    private final Thread thread;

    private ShutdownHook(Thread thread) {
        this.thread = thread;
    }

    public static ShutdownHook of(Runnable action) {
        Thread thread = new Thread(action, "dmutex-shutdown");
        Runtime.getRuntime().addShutdownHook(thread);
        return new ShutdownHook(thread);
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(thread);
        } catch (IllegalStateException e) {
            // Too late: it runs, or is about to.
            return;
        }
    }
}
