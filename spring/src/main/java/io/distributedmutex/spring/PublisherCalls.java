package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.spring.LockedMethod.Mutex;
import io.distributedmutex.spring.ThreadHolds.Binding;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.springframework.aop.ProxyMethodInvocation;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * Calls of methods that return a {@code Mono} or {@code Flux}. Nothing happens before the subscription; each subscription
 * acquires a lease of its own, calls the method, and gives the lease back when it ends or is cancelled. A subscription within
 * one that holds the key, as Reactor's context says, runs under that lease. Only for where there is {@link Libraries#REACTOR}.
 */
final class PublisherCalls {

    /** Where the context has the list of holds. */
    private static final Object HELD = PublisherCalls.class;

    private final LockedMethod method;
    private final MethodInvocation call;

    private PublisherCalls(LockedMethod method, MethodInvocation call) {
        this.method = method;
        this.call = call;
    }

    static Mono<Object> mono(LockedMethod method, MethodInvocation call) {
        PublisherCalls calls = new PublisherCalls(method, call);
        return Mono.deferContextual(context -> Mono.usingWhen(
                calls.attempt(context),
                attempt -> Mono.from(calls.body(attempt)),
                calls::complete,
                (attempt, failure) -> leave(attempt),
                PublisherCalls::leave));
    }

    static Flux<Object> flux(LockedMethod method, MethodInvocation call) {
        PublisherCalls calls = new PublisherCalls(method, call);
        return Flux.deferContextual(context -> Flux.usingWhen(
                calls.attempt(context),
                calls::body,
                calls::complete,
                (attempt, failure) -> leave(attempt),
                PublisherCalls::leave));
    }

    /** What came of acquiring: either a hold, or the failure that is answered in the method's place. */
    private static final class Attempt {
        private final @Nullable Hold hold;
        private final @Nullable LockNotAcquiredException failure;
        private final AtomicBoolean hasLeft = new AtomicBoolean();

        Attempt(@Nullable Hold hold, @Nullable LockNotAcquiredException failure) {
            this.hold = hold;
            this.failure = failure;
        }

        void leave() {
            if (hold != null && hasLeft.compareAndSet(false, true)) {
                hold.leave();
            }
        }
    }

    private Mono<Attempt> attempt(ContextView context) {
        String key = method.key(call);
        Mutex mutex = method.mutex();
        Hold held = enter(context, mutex, key);
        if (held != null) {
            return Mono.just(new Attempt(held, null));
        }
        return Mono.fromFuture(() -> mutex.view().acquireAsync(key))
                .map(lease -> new Attempt(new Hold(mutex.bean(), lease), null))
                .onErrorResume(LockNotAcquiredException.class, failure -> Mono.just(new Attempt(null, failure)))
                .doOnDiscard(Attempt.class, Attempt::leave);
    }

    private @Nullable Hold enter(ContextView context, Mutex mutex, String key) {
        for (Hold hold : holds(context)) {
            if (hold.isOn(mutex.bean(), key) && hold.enter()) {
                return hold;
            }
        }
        return ThreadHolds.enter(mutex.bean(), key);
    }

    private static List<Hold> holds(ContextView context) {
        List<Hold> held = context.getOrDefault(HELD, null);
        return held == null ? List.of() : held;
    }

    private Publisher<Object> body(Attempt attempt) {
        try {
            if (attempt.failure != null) {
                return published(method.instead(attempt.failure, call));
            }
            Hold hold = Objects.requireNonNull(attempt.hold);
            if (LockedMethod.isLost(hold.lease())) {
                return Mono.error(method.lost(hold.lease()));
            }
            return under(hold);
        } catch (Throwable e) {
            return Mono.error(e);
        }
    }

    private Publisher<Object> under(Hold hold) throws Throwable {
        Publisher<Object> body;
        Binding binding = ThreadHolds.bind(hold, false);
        try {
            // A clone for each subscription, exposed anew, since this may be another thread than that of the caller.
            body = published(ExposeInvocationInterceptor.INSTANCE.invoke(((ProxyMethodInvocation) call).invocableClone()));
        } finally {
            binding.unbind();
        }
        Flux<Object> stopped = Flux.from(body);
        if (method.onLost() != OnLeaseLost.THROW) {
            stopped = stopped.takeUntilOther(loss(hold.lease()));
        }
        return stopped.contextWrite(context -> with(hold, context));
    }

    private static Context with(Hold hold, Context context) {
        List<Hold> holds = new ArrayList<>(holds(context));
        holds.add(hold);
        return context.put(HELD, List.copyOf(holds));
    }

    /** Fails when the lease is lost, and never completes. */
    private Mono<Object> loss(Lease lease) {
        return Mono.create(sink -> lease.onLost(lost -> sink.error(method.lost(lost))));
    }

    private Mono<Object> complete(Attempt attempt) {
        return Mono.fromRunnable(() -> {
            Hold hold = attempt.hold;
            boolean isLost = hold != null && LockedMethod.isLost(hold.lease());
            attempt.leave();
            if (hold != null && isLost) {
                throw method.lost(hold.lease());
            }
        });
    }

    private static Mono<Object> leave(Attempt attempt) {
        return Mono.fromRunnable(attempt::leave);
    }

    @SuppressWarnings("unchecked")
    private static Publisher<Object> published(@Nullable Object returned) {
        return returned == null ? Mono.empty() : (Publisher<Object>) returned;
    }
}
