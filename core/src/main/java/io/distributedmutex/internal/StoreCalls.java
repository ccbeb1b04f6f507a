package io.distributedmutex.internal;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.LockStore;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Requests to the store, each with one answer. Thread-safe. */
final class StoreCalls {

    private final LockStore store;
    private final Scheduler scheduler;
    private final Work work;
    private final Outage outage;

    StoreCalls(LockStore store, Scheduler scheduler, Work work, Outage outage) {
        this.store = store;
        this.scheduler = scheduler;
        this.work = work;
        this.outage = outage;
    }

    /**
     * Makes a request. Never throws: whatever way it fails, the answer is taken in once, as a reply or a StoreException; see
     * {@link Outcomes#ofStore}.
     */
    <T> void ask(
            Function<LockStore, CompletionStage<T>> request, BiConsumer<@Nullable T, @Nullable StoreException> answer) {
        work.begin();
        Asking<T> asking = new Asking<>(answer);
        try {
            request.apply(store).whenComplete(asking);
        } catch (Throwable t) {
            asking.accept(null, t);
        }
    }

    /** A request on its way: takes in the first answer. */
    private final class Asking<T> extends AtomicBoolean implements BiConsumer<@Nullable T, @Nullable Throwable> {
        private static final long serialVersionUID = 1L;

        private final transient BiConsumer<@Nullable T, @Nullable StoreException> answer;

        Asking(BiConsumer<@Nullable T, @Nullable StoreException> answer) {
            this.answer = answer;
        }

        @Override
        public void accept(@Nullable T reply, @Nullable Throwable error) {
            if (!compareAndSet(false, true)) {
                return;
            }
            try {
                StoreException failure = error != null
                        ? Outcomes.ofStore(error)
                        : reply == null ? Outcomes.ofStore(new NullPointerException("a reply of null")) : null;
                if (failure == null) {
                    outage.answered();
                } else if (failure instanceof StoreUnreachableException) {
                    outage.failed(failure);
                }
                answer.accept(failure == null ? reply : null, failure);
            } catch (Throwable t) {
                Log.bug("an answer of the store was not taken in", t);
            } finally {
                work.end();
            }
        }
    }

    /** Makes a request and waits for its answer, interrupted or not (the flag is kept). */
    <T> T askAndWait(Function<LockStore, CompletionStage<T>> request) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        ask(request, (reply, error) -> {
            if (error != null) {
                answer.completeExceptionally(error);
            } else {
                answer.complete(reply);
            }
        });
        T reply = await(answer, Long.MAX_VALUE);
        if (reply == null) {
            throw new IllegalStateException("the store answered with null");
        }
        return reply;
    }

    /** Waits for an answer, interrupted or not (the flag is kept). Returns null if there is none in time. */
    <T> @Nullable T await(CompletableFuture<T> answer, long nanos) {
        if (!answer.isDone()) {
            Thread thread = Thread.currentThread();
            CompletableFuture<T> unused = answer.whenComplete((reply, error) -> LockSupport.unpark(thread));
            long start = scheduler.now();
            boolean interrupted = false;
            while (!answer.isDone() && scheduler.now() - start < nanos) {
                scheduler.park(answer, nanos == Long.MAX_VALUE ? nanos : nanos - (scheduler.now() - start));
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                thread.interrupt();
            }
        }
        try {
            return answer.isDone() ? answer.join() : null;
        } catch (CompletionException e) {
            throw Outcomes.ofStore(e);
        }
    }
}
