package io.distributedmutex.internal;

/**
 * The thread that runs a body under a lease, which is interrupted at the loss of the lease if the body runs still. The monitor
 * decides which comes first: the loss or the body's end.
 */
public final class BodyThread {

    private final Thread thread = Thread.currentThread();
    private boolean ended;
    private boolean interrupted;

    /** The calling thread, which begins the body now. */
    public BodyThread() {}

    /** The lease is lost. */
    public synchronized void lost() {
        if (!ended) {
            interrupted = true;
            thread.interrupt();
        }
    }

    /** The body has ended, on its thread. Takes back an interrupt that came from here. */
    public synchronized void ended() {
        ended = true;
        if (interrupted) {
            Thread.interrupted();
        }
    }
}
