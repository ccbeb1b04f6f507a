package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import java.util.Optional;
import reactor.util.context.ContextView;

/**
 * The lease under which a method with {@link DistributedLock} runs, for code that needs its fencing token or wants to extend it.
 *
 * <p>It belongs to the thread that runs the method: other threads have none, such as those of {@code @Async}, or those on which
 * a future or publisher that the method returned goes on. Take the lease out before, or {@linkplain #findIn ask the context} of
 * the subscription.
 *
 * <p>The annotation gives it back. So do not {@linkplain Lease#release() release} it, and do not keep it for longer than the call.
 */
public final class CurrentLease {

    private CurrentLease() {}

    /**
     * The lease of the innermost call that this thread makes.
     *
     * @return the lease, perhaps lost meanwhile; empty if this thread runs no method with {@link DistributedLock}
     */
    public static Optional<Lease> find() {
        return Optional.ofNullable(ThreadHolds.innermost());
    }

    /**
     * The lease of the innermost call that a subscription is within: for methods that return a {@code Mono} or {@code Flux}, and
     * for suspend functions, whose context is {@code currentCoroutineContext()[ReactorContext]?.context}. Needs Reactor.
     *
     * @param context the context of the subscription
     * @return the lease, perhaps lost meanwhile; empty if the subscription is within no call of such a method
     */
    public static Optional<Lease> findIn(ContextView context) {
        return Optional.ofNullable(PublisherCalls.innermost(context));
    }

    /**
     * The lease of the innermost call that this thread makes.
     *
     * @return the lease, perhaps lost meanwhile
     * @throws IllegalStateException if this thread runs no method with {@link DistributedLock}
     */
    public static Lease get() {
        return find().orElseThrow(() -> new IllegalStateException("the thread '"
                + Thread.currentThread().getName()
                + "' has no lease: it runs no method with @DistributedLock that was called through its bean"));
    }
}
