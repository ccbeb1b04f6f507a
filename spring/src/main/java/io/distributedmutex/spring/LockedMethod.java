package io.distributedmutex.spring;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.spi.Messages;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.aopalliance.intercept.MethodInvocation;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.KotlinDetector;
import org.springframework.core.MethodParameter;
import org.springframework.core.ReactiveAdapterRegistry;
import org.springframework.core.ResolvableType;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.format.datetime.standard.DurationFormatterUtils;
import org.springframework.util.ClassUtils;

/** An annotated method of a class: what its annotation says, checked as far as that goes before a call. */
final class LockedMethod {

    /** What a method returns, which decides when the lease ends. */
    enum Result {
        /** Anything that is there when the method returns. */
        VALUE,
        /** A {@link CompletionStage}. */
        STAGE,
        /** A Reactor {@code Mono}, also what Spring makes of a suspend function. */
        MONO,
        /** A Reactor {@code Flux}, also as a {@code Publisher}, and what Spring makes of a suspend function's {@code Flow}. */
        FLUX
    }

    private static final String CONTINUATION = "kotlin.coroutines.Continuation";
    private static final String FLOW = "kotlinx.coroutines.flow.Flow";
    private static final Set<String> FLUXES = Set.of("reactor.core.publisher.Flux", "org.reactivestreams.Publisher");

    private final Method method;
    private final Class<?> targetClass;
    private final ConfigurableListableBeanFactory beans;
    private final MutexBeans mutexes;
    private final MergedAnnotation<DistributedLock> annotation;
    private final boolean suspends;

    /** Of a suspend function, what it returns to Kotlin. */
    private final ResolvableType returned;

    private final Result result;
    private final LockKey key;
    private final @Nullable Duration waitTime;
    private final @Nullable Duration leaseTime;
    private final @Nullable Duration maximumHold;
    private final @Nullable Duration minimumHold;
    private final OnNotAcquired onNotAcquired;
    private final String handler;
    private final OnLeaseLost onLost;
    private final String mutexName;

    /** Whether a thread of an asynchronous executor makes the call, and so may wait. */
    private volatile boolean onExecutor;

    private volatile @Nullable Mutex mutex;

    /** The mutex as the bean, which says what is held, and with this method's options. */
    record Mutex(DistributedMutex bean, DistributedMutex view) {}

    /**
     * Reads and checks an annotation.
     *
     * @throws IllegalStateException if it cannot work
     */
    LockedMethod(
            MergedAnnotation<DistributedLock> annotation,
            Method method,
            Class<?> targetClass,
            ConfigurableListableBeanFactory beans) {
        this.annotation = annotation;
        this.method = method;
        this.targetClass = targetClass;
        this.beans = beans;
        this.mutexes = new MutexBeans(beans);
        this.suspends = suspends();
        this.returned = suspends
                ? ResolvableType.forClass(new MethodParameter(method, -1).getParameterType())
                : ResolvableType.forMethodReturnType(method, targetClass);
        this.result = resultOf();
        this.key = key();
        this.waitTime = duration("waitTime");
        this.leaseTime = duration("leaseTime");
        this.maximumHold = duration("autoRenew");
        this.minimumHold = duration("minimumHold");
        this.onNotAcquired = annotation.getEnum("onNotAcquired", OnNotAcquired.class);
        this.handler = text("notAcquiredHandler");
        this.onLost = annotation.getEnum("onLost", OnLeaseLost.class);
        checkNotAcquired();
        checkLost();
        try {
            this.mutexName = mutexes.name(text("mutex"));
            if (leaseTime != null) {
                options(LockOptions.builder()).build();
            }
        } catch (IllegalArgumentException e) {
            throw refused(e.getMessage(), e);
        }
    }

    // ---- What it says

    Method method() {
        return method;
    }

    Class<?> targetClass() {
        return targetClass;
    }

    Result result() {
        return result;
    }

    private boolean suspends() {
        Class<?>[] parameters = method.getParameterTypes();
        if (parameters.length == 0
                || !parameters[parameters.length - 1].getName().equals(CONTINUATION)) {
            return false;
        }
        if (!Libraries.COROUTINES || !KotlinDetector.isKotlinType(method.getDeclaringClass())) {
            throw refused("Spring can call a suspend function through a proxy only where kotlinx-coroutines-reactor and"
                    + " kotlin-reflect are on the class path: add them, or call DistributedMutex.acquireAsync in it");
        }
        return true;
    }

    private Result resultOf() {
        Class<?> type = returned.toClass();
        if (suspends) {
            return type.getName().equals(FLOW) ? Result.FLUX : Result.MONO;
        }
        if (type == CompletableFuture.class || type == CompletionStage.class) {
            return Result.STAGE;
        }
        if (Libraries.REACTOR && type.getName().equals("reactor.core.publisher.Mono")) {
            return Result.MONO;
        }
        if (Libraries.REACTOR && FLUXES.contains(type.getName())) {
            return Result.FLUX;
        }
        boolean isLater = Future.class.isAssignableFrom(type)
                || CompletionStage.class.isAssignableFrom(type)
                || ReactiveAdapterRegistry.getSharedInstance().getAdapter(type) != null;
        if (isLater) {
            throw refused("the method returns a " + type.getName()
                    + ", whose end cannot be seen here: return a CompletableFuture, CompletionStage, Mono or Flux");
        }
        return Result.VALUE;
    }

    OnLeaseLost onLost() {
        return onLost;
    }

    boolean isOnExecutor() {
        return onExecutor;
    }

    /** The calls come on threads of an executor, since an asynchronous advisor surrounds this one. */
    void setOnExecutor() {
        onExecutor = true;
    }

    // ---- What a call does with it

    /**
     * The key of a call.
     *
     * @throws IllegalArgumentException if there is none
     */
    String key(MethodInvocation call) {
        try {
            return key.of(method, call.getThis(), targetClass, call.getArguments());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    where() + ": key = \"" + Messages.shown(key.toString()) + "\" " + e.getMessage(), e);
        }
    }

    /**
     * The mutex, looked up once.
     *
     * @throws IllegalStateException if its options and those of the annotation contradict each other
     */
    Mutex mutex() {
        Mutex found = mutex;
        if (found == null) {
            DistributedMutex bean = mutexes.get(mutexName);
            try {
                found = new Mutex(bean, bean.with(this::options));
            } catch (IllegalArgumentException e) {
                throw refused(e.getMessage(), e);
            }
            mutex = found;
        }
        return found;
    }

    /** Looks the mutex up if that makes no bean, so that options that contradict each other are refused before a call. */
    void checkMutex() {
        if (mutexes.isMade(mutexName)) {
            mutex();
        }
    }

    /**
     * What a call gives that did not acquire its key in time.
     *
     * @throws Exception the failure, or what the handler throws
     */
    @Nullable
    Object instead(LockNotAcquiredException failure, MethodInvocation call) throws Exception {
        if (!handler.isEmpty()) {
            Object given = beans.getBean(handler, NotAcquiredHandler.class)
                    .onNotAcquired(failure, method, call.getArguments());
            Class<?> type = returned.toClass();
            boolean fits = given == null
                    ? type == void.class || !type.isPrimitive()
                    : ClassUtils.isAssignableValue(type, given);
            if (type != void.class && !fits) {
                throw refused("its handler " + handler + " returned "
                        + (given == null ? "null" : given.getClass().getName()) + ", but the method returns "
                        + type.getName());
            }
            return type == void.class ? null : given;
        }
        if (onNotAcquired == OnNotAcquired.SKIP) {
            return result == Result.STAGE
                    ? CompletableFuture.completedFuture(empty(
                            returned.as(CompletionStage.class).getGeneric().toClass()))
                    : empty(returned.toClass());
        }
        throw failure;
    }

    /** Whether a lease has been lost, as far as the method's outcome goes. */
    static boolean isLost(Lease lease) {
        return lease.state() == LeaseState.LOST;
    }

    LeaseLostException lost(Lease lease, @Nullable Throwable cause) {
        return new LeaseLostException(
                "the lease on '" + Messages.shown(lease.key()) + "' was lost while " + name()
                        + " ran, so another holder may have interfered",
                lease.lossReason().orElse(null),
                cause);
    }

    // ---- Reading and checking

    private LockKey key() {
        String expression = text("key");
        String name = text("name");
        if (expression.isEmpty() == name.isEmpty()) {
            throw refused(
                    expression.isEmpty()
                            ? "needs a key: an expression as key, or a text as name"
                            : "has both key = \"" + Messages.shown(expression) + "\" and name = \""
                                    + Messages.shown(name) + "\": give one of them");
        }
        try {
            Method named = annotation.getSource() instanceof Method source ? source : method;
            return name.isEmpty() ? LockKey.computed(expression, named, beans) : LockKey.of(name, method, beans);
        } catch (IllegalArgumentException e) {
            String attribute = name.isEmpty() ? "key = \"" + expression : "name = \"" + name;
            throw refused(Messages.shown(attribute) + "\" " + e.getMessage(), e);
        }
    }

    private LockOptions.Builder options(LockOptions.Builder options) {
        if (waitTime != null) {
            options.waitTime(waitTime);
        }
        if (leaseTime != null) {
            options.leaseTime(leaseTime);
        }
        if (maximumHold != null) {
            options.autoRenew(maximumHold);
        }
        if (minimumHold != null) {
            options.minimumHold(minimumHold);
        }
        return options;
    }

    private @Nullable Duration duration(String attribute) {
        String value = text(attribute);
        if (value.isEmpty()) {
            return null;
        }
        try {
            return DurationFormatterUtils.detectAndParse(value.trim());
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw refused(
                    attribute + " = \"" + Messages.shown(value) + "\" is no duration: write 500ms, 2s, 1m30s or PT2S",
                    e);
        }
    }

    /** An attribute with its placeholders filled in. */
    private String text(String attribute) {
        String raw = annotation.getString(attribute);
        if (!raw.contains("${")) {
            return raw;
        }
        String text;
        try {
            text = beans.resolveEmbeddedValue(raw);
        } catch (IllegalArgumentException e) {
            throw refused(attribute + " = \"" + Messages.shown(raw) + "\": " + e.getMessage(), e);
        }
        // Without a strict resolver Spring leaves what it does not know.
        if (text == null || text.contains("${")) {
            throw refused(attribute + " = \"" + Messages.shown(raw) + "\" has a placeholder that nothing defines");
        }
        return text;
    }

    private void checkNotAcquired() {
        if (!handler.isEmpty()) {
            if (onNotAcquired == OnNotAcquired.SKIP) {
                throw refused(
                        "has both onNotAcquired = SKIP and notAcquiredHandler = \"" + handler + "\": give one of them");
            }
            if (!beans.containsBean(handler) || !beans.isTypeMatch(handler, NotAcquiredHandler.class)) {
                throw refused("notAcquiredHandler = \"" + handler + "\" names no bean of type NotAcquiredHandler");
            }
        }
        Class<?> type = returned.toClass();
        if (onNotAcquired == OnNotAcquired.SKIP && type != void.class) {
            if (type.isPrimitive()) {
                throw refused("onNotAcquired = SKIP cannot return nothing from a method that returns " + type
                        + ": return an object or an Optional, or name a notAcquiredHandler");
            }
            if (suspends && result == Result.MONO && !new MethodParameter(method, -1).isOptional()) {
                throw refused(
                        "onNotAcquired = SKIP cannot return null from a suspend function that returns no nullable "
                                + type.getName() + ": add ? to its type, or name a notAcquiredHandler");
            }
        }
    }

    private void checkLost() {
        if (onLost == OnLeaseLost.ROLLBACK && !(Libraries.TRANSACTIONS && Transactions.areManagedIn(beans))) {
            throw refused("onLost = ROLLBACK needs a bean of type TransactionManager, and there is none");
        }
    }

    private static @Nullable Object empty(Class<?> type) {
        if (type == Optional.class) {
            return Optional.empty();
        }
        if (type == OptionalInt.class) {
            return OptionalInt.empty();
        }
        if (type == OptionalLong.class) {
            return OptionalLong.empty();
        }
        return type == OptionalDouble.class ? OptionalDouble.empty() : null;
    }

    // ---- Saying so

    /** What to throw if the annotation cannot work. */
    IllegalStateException refused(@Nullable String why) {
        return refused(why, null);
    }

    private IllegalStateException refused(@Nullable String why, @Nullable Throwable cause) {
        return new IllegalStateException(where() + ": " + why, cause);
    }

    private String where() {
        return "@DistributedLock on " + name();
    }

    private String name() {
        return name(method, targetClass);
    }

    static String name(Method method, Class<?> targetClass) {
        return targetClass.getName() + "." + method.getName()
                + Arrays.stream(method.getParameterTypes())
                        .map(Class::getSimpleName)
                        .collect(Collectors.joining(", ", "(", ")"));
    }

    @Override
    public String toString() {
        return where();
    }
}
