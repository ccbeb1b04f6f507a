package io.distributedmutex.spring;

import io.distributedmutex.Lease;

/** Interrupts the thread that made it when a lease is lost, until its work has ended. */
final class Interruption {

    private final Thread worker = Thread.currentThread();
    private boolean ended;
    private boolean interrupted;

    static Interruption atLossOf(Lease lease) {
        Interruption interruption = new Interruption();
        lease.onLost(lost -> interruption.interrupt());
        return interruption;
    }

    private synchronized void interrupt() {
        if (!ended) {
            interrupted = true;
            worker.interrupt();
        }
    }

    /** The work has ended; returns whether it was interrupted, and clears the flag if so. */
    synchronized boolean end() {
        ended = true;
        if (interrupted) {
            Thread.interrupted();
        }
        return interrupted;
    }
}
