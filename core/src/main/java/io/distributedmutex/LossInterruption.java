package io.distributedmutex;

/**
 * Interrupts the thread that works under a lease as soon as the lease is lost, and never after the work has ended. This is what
 * {@link OnLost#INTERRUPT} does in {@link DistributedMutex#run}, for work under a lease that is held already:
 *
 * <pre>{@code
 * LossInterruption interruption = LossInterruption.of(lease); // on the thread that works
 * try {
 *     accounts.update(row);
 * } finally {
 *     interruption.end();
 * }
 * }</pre>
 *
 * <p>Thread-safe: the monitor decides which comes first, the loss or the end.
 */
public final class LossInterruption {

    private final Thread worker = Thread.currentThread();
    private boolean ended;
    private boolean interrupted;

    private LossInterruption() {}

    /**
     * Interrupts the calling thread if the lease is lost before {@link #end}; at once if it is lost already.
     *
     * @param lease the lease under which the calling thread works now
     * @return to be ended with the work, in any case
     */
    public static LossInterruption of(Lease lease) {
        LossInterruption interruption = new LossInterruption();
        lease.onLost(lost -> interruption.interrupt());
        return interruption;
    }

    private synchronized void interrupt() {
        if (!ended) {
            interrupted = true;
            worker.interrupt();
        }
    }

    /**
     * The work has ended: no interrupt comes any more. If one came, it is taken back: the flag of the calling thread is
     * cleared, whoever else may have set it. For the thread that worked.
     *
     * @return whether the thread was interrupted because the lease was lost
     */
    public synchronized boolean end() {
        ended = true;
        if (interrupted) {
            Thread.interrupted();
        }
        return interrupted;
    }
}
