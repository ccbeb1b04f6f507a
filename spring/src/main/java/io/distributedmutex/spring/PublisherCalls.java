package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.spring.LockedMethod.Mutex;
import io.distributedmutex.spring.ThreadHolds.Binding;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.springframework.aop.ProxyMethodInvocation;
import org.springframework.aop.interceptor.ExposeInvocationInterceptor;
import org.springframework.core.ReactiveAdapter;
import org.springframework.core.ReactiveAdapterRegistry;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * Calls of methods that return a {@code Mono} or {@code Flux}, or suspend. Nothing happens before the subscription; each subscription
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
                attempt -> calls.unlessLost(attempt, Mono.from(calls.body(attempt))),
                PublisherCalls::leave,
                (attempt, failure) -> leave(attempt),
                PublisherCalls::leave));
    }

    static Flux<Object> flux(LockedMethod method, MethodInvocation call) {
        PublisherCalls calls = new PublisherCalls(method, call);
        return Flux.deferContextual(context -> Flux.usingWhen(
                calls.attempt(context),
                attempt -> calls.unlessLost(attempt, Flux.from(calls.body(attempt))),
                PublisherCalls::leave,
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

    /** The lease of the innermost call that a subscription is within, or null. */
    static @Nullable Lease innermost(ContextView context) {
        List<Hold> held = holds(context);
        return held.isEmpty() ? null : held.get(held.size() - 1).lease();
    }

    private Publisher<Object> body(Attempt attempt) {
        try {
            if (attempt.failure != null) {
                return published(method.instead(attempt.failure, call));
            }
            Hold hold = Objects.requireNonNull(attempt.hold);
            if (LockedMethod.isLost(hold.lease())) {
                return Mono.error(method.lost(hold.lease(), null));
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
            body = published(
                    ExposeInvocationInterceptor.INSTANCE.invoke(((ProxyMethodInvocation) call).invocableClone()));
        } finally {
            binding.unbind();
        }
        UnaryOperator<Context> withHold = context -> with(hold, context);
        if (method.onLost() == OnLeaseLost.THROW) {
            return body instanceof Mono<Object> mono
                    ? mono.contextWrite(withHold)
                    : Flux.from(body).contextWrite(withHold);
        }
        Mono<Object> loss = loss(hold.lease());
        return body instanceof Mono<Object> mono
                ? mono.takeUntilOther(loss).contextWrite(withHold)
                : Flux.from(body).takeUntilOther(loss).contextWrite(withHold);
    }

    private static Context with(Hold hold, Context context) {
        List<Hold> holds = new ArrayList<>(holds(context));
        holds.add(hold);
        return context.put(HELD, List.copyOf(holds));
    }

    /** Completes when the lease is lost. What is taken until then is cancelled, and {@link #failIfLost} does the rest. */
    private static Mono<Object> loss(Lease lease) {
        return Mono.create(sink -> lease.onLost(lost -> sink.success()));
    }

    private Mono<Object> unlessLost(Attempt attempt, Mono<Object> body) {
        // Optional, since the end without an element counts too.
        return body.singleOptional()
                .flatMap(element -> this.<Object>failIfLost(attempt).switchIfEmpty(Mono.justOrEmpty(element)));
    }

    private Flux<Object> unlessLost(Attempt attempt, Flux<Object> body) {
        return body.concatWith(failIfLost(attempt));
    }

    private <T> Mono<T> failIfLost(Attempt attempt) {
        return Mono.defer(() -> {
            Hold hold = attempt.hold;
            return hold != null && LockedMethod.isLost(hold.lease())
                    ? Mono.error(method.lost(hold.lease(), null))
                    : Mono.empty();
        });
    }

    private static Mono<Object> leave(Attempt attempt) {
        return Mono.fromRunnable(attempt::leave);
    }

    /** What a method returned, or a handler in its place: that of a suspend function gives a value, or a flow. */
    @SuppressWarnings("unchecked")
    private static Publisher<Object> published(@Nullable Object returned) {
        if (returned == null) {
            return Mono.empty();
        }
        if (returned instanceof Publisher<?> publisher) {
            return (Publisher<Object>) publisher;
        }
        ReactiveAdapter adapter = ReactiveAdapterRegistry.getSharedInstance().getAdapter(null, returned);
        return adapter == null ? Mono.just(returned) : adapter.toPublisher(returned);
    }
}
