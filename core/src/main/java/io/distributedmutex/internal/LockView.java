package io.distributedmutex.internal;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockInterruptedException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** A key as a {@link Lock}, reentrant by thread. Has no state: the holds are the engine's. */
public final class LockView implements Lock {

    private final Engine engine;
    private final String key;
    private final LockOptions options;
    private final @Nullable String owner;

    /**
     * Makes a view of a key that is checked here.
     *
     * @param owner the name of who locks; null for the thread
     */
    public LockView(Engine engine, String key, LockOptions options, @Nullable String owner) {
        this.engine = engine;
        this.key = Checks.key(key);
        this.options = options;
        this.owner = owner;
    }

    @Override
    public void lock() {
        if (!reenter()) {
            holds(engine.acquire(key, options, owner, Waiter.FOREVER, false));
        }
    }

    @Override
    public void lockInterruptibly() throws InterruptedException {
        throwIfInterrupted();
        if (!reenter()) {
            acquireInterruptibly(Waiter.FOREVER);
        }
    }

    @Override
    public boolean tryLock() {
        if (reenter()) {
            return true;
        }
        Lease lease = engine.tryAcquire(key, options, owner);
        if (lease != null) {
            holds(lease);
        }
        return lease != null;
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) throws InterruptedException {
        throwIfInterrupted();
        if (reenter()) {
            return true;
        }
        try {
            // One below FOREVER: the longest time is still a limit, though nobody will see its end.
            acquireInterruptibly(Math.min(Math.max(0, unit.toNanos(time)), Waiter.FOREVER - 1));
            return true;
        } catch (LockNotAcquiredException e) {
            return false;
        }
    }

    @Override
    public void unlock() {
        ThreadHolds.Hold hold = engine.holds().get(key);
        if (hold == null) {
            throw new IllegalMonitorStateException("'" + Messages.shown(key) + "' is not locked by this thread ("
                    + Thread.currentThread().getName() + ")");
        }
        if (!hold.leave()) {
            return;
        }
        engine.holds().remove(key);
        Lease lease = hold.lease();
        if (!lease.isValid()) {
            throw lost(lease, "unlocked");
        }
        lease.close();
    }

    @Override
    public Condition newCondition() {
        throw new UnsupportedOperationException("a distributed lock has no conditions");
    }

    private boolean reenter() {
        ThreadHolds.Hold hold = engine.holds().get(key);
        if (hold == null) {
            return false;
        }
        if (!hold.lease().isValid()) {
            throw lost(hold.lease(), "locked again");
        }
        hold.enter();
        return true;
    }

    private void acquireInterruptibly(long waitNanos) throws InterruptedException {
        try {
            holds(engine.acquire(key, options, owner, waitNanos, true));
        } catch (LockInterruptedException e) {
            // This method's way to tell is the exception alone.
            Thread.interrupted();
            InterruptedException interrupted = new InterruptedException(e.getMessage());
            interrupted.initCause(e);
            throw interrupted;
        }
    }

    private void holds(Lease lease) {
        engine.holds().put(key, lease);
    }

    private static void throwIfInterrupted() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted before locking");
        }
    }

    private LeaseLostException lost(Lease lease, String what) {
        return new LeaseLostException(
                "'" + Messages.shown(key) + "' " + what + ", but its lease was lost meanwhile ("
                        + lease.lossReason().map(Enum::name).orElse("released") + ")",
                lease.lossReason().orElse(null));
    }

    @Override
    public String toString() {
        return "Lock[" + Messages.shown(key) + "]";
    }
}
