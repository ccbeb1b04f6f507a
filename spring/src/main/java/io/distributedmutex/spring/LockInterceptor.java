package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossInterruption;
import io.distributedmutex.spring.LockedMethod.Mutex;
import io.distributedmutex.spring.ThreadHolds.Binding;
import org.aopalliance.intercept.MethodInterceptor;
import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.support.AopUtils;
import org.springframework.core.task.SimpleAsyncTaskExecutor;

/** Runs each call of an annotated method under a lease. Calls that return a value are made here. */
final class LockInterceptor implements MethodInterceptor {

    /** From here on a virtual thread does not hold its carrier in a monitor. */
    private static final int JDK_OF_VIRTUAL_THREADS = 24;

    private final LockedMethods methods;

    /** Makes a thread for each task, so there is nothing to end. */
    private final SimpleAsyncTaskExecutor threads = new SimpleAsyncTaskExecutor("dmutex-call-");

    LockInterceptor(LockedMethods methods) {
        this.methods = methods;
        threads.setDaemon(true);
        threads.setVirtualThreads(Runtime.version().feature() >= JDK_OF_VIRTUAL_THREADS);
    }

    @Override
    public @Nullable Object invoke(MethodInvocation call) throws Throwable {
        Object target = call.getThis();
        LockedMethod method = methods.find(
                call.getMethod(),
                target != null
                        ? AopUtils.getTargetClass(target)
                        : call.getMethod().getDeclaringClass());
        if (method == null) {
            return call.proceed();
        }
        return switch (method.result()) {
            case VALUE -> value(method, call);
            case STAGE -> new StageCall(method, call, threads).start();
            case MONO -> PublisherCalls.mono(method, call);
            case FLUX -> PublisherCalls.flux(method, call);
        };
    }

    private @Nullable Object value(LockedMethod method, MethodInvocation call) throws Throwable {
        String key = method.key(call);
        Mutex mutex = method.mutex();
        Hold hold = ThreadHolds.enter(mutex.bean(), key);
        boolean isOutermost = hold == null;
        if (hold == null) {
            try {
                hold = new Hold(mutex.bean(), mutex.view().acquire(key));
            } catch (LockNotAcquiredException e) {
                return method.instead(e, call);
            }
        }
        boolean stopsCommits = method.onLost() == OnLeaseLost.ROLLBACK;
        Binding binding = ThreadHolds.bind(hold, stopsCommits);
        boolean isKept = false;
        try {
            // In a transaction of the caller the key must stay taken until that has been committed.
            isKept = (isOutermost || stopsCommits)
                    && Libraries.TRANSACTIONS
                    && Transactions.afterCompletion(binding::leave);
            return run(method, hold.lease(), call);
        } finally {
            if (!isKept) {
                binding.leave();
            }
        }
    }

    private static @Nullable Object run(LockedMethod method, Lease lease, MethodInvocation call) throws Throwable {
        if (LockedMethod.isLost(lease)) {
            throw method.lost(lease, null);
        }
        LossInterruption interruption = method.onLost() == OnLeaseLost.INTERRUPT ? LossInterruption.of(lease) : null;
        Object result;
        try {
            result = call.proceed();
        } catch (Throwable failure) {
            if (interruption != null && interruption.end()) {
                throw method.lost(lease, failure);
            }
            throw failure;
        }
        boolean wasInterrupted = interruption != null && interruption.end();
        if (wasInterrupted || LockedMethod.isLost(lease)) {
            throw method.lost(lease, null);
        }
        return result;
    }
}
