package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LossInterruption;
import io.distributedmutex.spring.LockedMethod.Mutex;
import io.distributedmutex.spring.ThreadHolds.Binding;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;

/**
 * One call of a method that returns a {@link CompletionStage}. The caller waits neither for the lock nor for the method, which
 * starts on another thread when the lease is there. It starts on the calling thread if that holds the key already, or belongs
 * to an asynchronous executor, which may wait.
 */
final class StageCall {

    private final LockedMethod method;
    private final MethodInvocation call;
    private final Executor threads;
    private final CompletableFuture<@Nullable Object> result = new CompletableFuture<>();

    StageCall(LockedMethod method, MethodInvocation call, Executor threads) {
        this.method = method;
        this.call = call;
        this.threads = threads;
    }

    /** Starts the call; everything that fails, fails in the result. */
    CompletableFuture<@Nullable Object> start() {
        try {
            String key = method.key(call);
            Mutex mutex = method.mutex();
            Hold held = ThreadHolds.enter(mutex.bean(), key);
            if (held != null) {
                run(held);
            } else if (method.isOnExecutor()) {
                run(new Hold(mutex.bean(), mutex.view().acquire(key)));
            } else {
                acquireLater(mutex, key);
            }
        } catch (LockNotAcquiredException e) {
            notAcquired(e);
        } catch (RuntimeException e) {
            result.completeExceptionally(e);
        }
        return result;
    }

    private void acquireLater(Mutex mutex, String key) {
        Thread caller = Thread.currentThread();
        CompletableFuture<Lease> acquiring = mutex.view().acquireAsync(key);
        whenComplete(result, (value, failure) -> acquiring.cancel(false));
        whenComplete(acquiring, (lease, failure) -> {
            if (lease != null) {
                Hold hold = new Hold(mutex.bean(), lease);
                // A future that is complete by now calls back on the caller's thread, which must be free.
                if (Thread.currentThread() == caller) {
                    runOnAnotherThread(hold);
                } else {
                    run(hold);
                }
            } else if (failure instanceof LockNotAcquiredException e) {
                notAcquired(e);
            } else {
                result.completeExceptionally(failure);
            }
        });
    }

    private void runOnAnotherThread(Hold hold) {
        try {
            threads.execute(() -> run(hold));
        } catch (Throwable e) { // such as no more threads
            hold.leave();
            result.completeExceptionally(e);
        }
    }

    private void notAcquired(LockNotAcquiredException failure) {
        try {
            follow(stage(method.instead(failure, call)));
        } catch (Throwable e) {
            result.completeExceptionally(e);
        }
    }

    private void follow(@Nullable CompletionStage<?> stage) {
        if (stage == null) {
            result.complete(null);
        } else {
            whenComplete(stage, this::complete);
        }
    }

    /** Runs the method under a hold, which it leaves in the end. */
    private void run(Hold hold) {
        Lease lease = hold.lease();
        if (LockedMethod.isLost(lease) || result.isDone()) {
            hold.leave();
            result.completeExceptionally(method.lost(lease, null));
            return;
        }
        boolean interrupts = method.onLost() == OnLeaseLost.INTERRUPT;
        Binding binding = ThreadHolds.bind(hold, method.onLost() == OnLeaseLost.ROLLBACK);
        LossInterruption interruption = interrupts ? LossInterruption.of(lease) : null;
        CompletionStage<?> stage = null;
        Throwable failure = null;
        try {
            // Exposed anew, since this may be another thread than that of the caller.
            stage = stage(ExposeInvocationInterceptor.INSTANCE.invoke(call));
        } catch (Throwable e) {
            failure = e;
        } finally {
            binding.unbind();
        }
        if (interruption != null && interruption.end()) {
            result.completeExceptionally(method.lost(lease, failure));
        }
        if (stage == null) {
            end(hold, null, failure);
            return;
        }
        CompletionStage<?> body = stage;
        if (interrupts) {
            lease.onLost(lost -> {
                result.completeExceptionally(method.lost(lost, null));
                cancel(body);
            });
        }
        whenComplete(result, (value, error) -> {
            if (result.isCancelled()) {
                cancel(body);
            }
        });
        whenComplete(body, (value, error) -> end(hold, value, error));
    }

    private void end(Hold hold, @Nullable Object value, @Nullable Throwable failure) {
        boolean isLost = LockedMethod.isLost(hold.lease());
        hold.leave();
        complete(value, failure == null && isLost ? method.lost(hold.lease(), null) : failure);
    }

    private void complete(@Nullable Object value, @Nullable Throwable failure) {
        if (failure == null) {
            result.complete(value);
        } else {
            Throwable cause = failure.getCause();
            result.completeExceptionally(failure instanceof CompletionException && cause != null ? cause : failure);
        }
    }

    /** The stage that comes of it is nobody's business: what is done here does not fail. */
    private static <T extends @Nullable Object> void whenComplete(
            CompletionStage<T> stage, BiConsumer<? super @Nullable T, ? super @Nullable Throwable> action) {
        stage.whenComplete(action);
    }

    private static @Nullable CompletionStage<?> stage(@Nullable Object returned) {
        return (CompletionStage<?>) returned;
    }

    private static void cancel(CompletionStage<?> stage) {
        if (stage instanceof CompletableFuture<?> future) {
            future.cancel(true);
        }
    }
}
