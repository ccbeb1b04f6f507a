package io.distributedmutex.spring;

import io.distributedmutex.LockOptions;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.aot.hint.annotation.Reflective;

/**
 * Each call of the method runs under a lease on a key: at most one call with the same key at a time, in all processes that
 * share the store.
 *
 * <p>The method is one of a bean, and is called through the bean; a call of {@code this.method()} locks nothing. Also usable as
 * a meta-annotation and on methods of interfaces. Needs {@link EnableDistributedLocks}. What cannot work is refused when the
 * bean is made, with an {@link IllegalStateException} that names the method.
 *
 * <p>The lease is acquired before the method's transaction begins and given back after it has ended. A call within a
 * transaction of its caller keeps the lease until that transaction has ended.
 *
 * <p>The lease of a method that returns a {@link java.util.concurrent.CompletionStage} ends when the stage completes. That of
 * a {@code Mono} or {@code Flux} is acquired on subscription, each subscription its own, and ends when the subscription does.
 * That of a Kotlin suspend function ends when the function does, or with the {@code Flow} that it returns.
 *
 * <p>A call with a key that its thread holds already, by this annotation, runs under that lease; its own durations then count
 * for nothing.
 *
 * <p>Durations are written as {@code 500ms}, {@code 2s}, {@code 1m30s} or {@code PT2S}; a number alone means milliseconds. All
 * text may have placeholders such as {@code ${locks.report.wait}}. Bounds are those of {@link LockOptions.Builder}.
 */
@Documented
@Reflective
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.ANNOTATION_TYPE})
public @interface DistributedLock {

    /**
     * The key as an expression in Spring's expression language, such as {@code "'tenant:' + #tenantId"}. It may use the
     * parameters by name (compile with {@code -parameters}) or as {@code #p0}, {@code #a0}; {@code method}, {@code target},
     * {@code targetClass} and {@code args}; and beans as {@code @name}. Either this or {@link #name}.
     *
     * <p>A call whose expression fails, or gives null or no text of 1 to 512 characters, throws
     * {@link IllegalArgumentException} and locks nothing.
     *
     * @return the expression
     */
    String key() default "";

    /**
     * The key as it is, such as {@code "report:daily"}: the same for all calls. Either this or {@link #key}.
     *
     * @return the text
     */
    String name() default "";

    /**
     * How long a call may wait for other holders. Default: the wait time of the mutex.
     *
     * @return a duration; zero does not wait
     */
    String waitTime() default "";

    /**
     * How long the lease lasts unless it is renewed. Default: the lease time of the mutex.
     *
     * @return a duration
     */
    String leaseTime() default "";

    /**
     * Renews the lease while the method runs, for this long at most. Default: as the mutex does.
     *
     * @return a duration; zero turns renewal off
     */
    String autoRenew() default "";

    /**
     * Keeps the key taken for at least so long from the grant, however early the method ends. Default: that of the mutex.
     *
     * @return a duration
     */
    String minimumHold() default "";

    /**
     * What a call does that did not acquire its key in time.
     *
     * @return by default {@link OnNotAcquired#THROW}
     */
    OnNotAcquired onNotAcquired() default OnNotAcquired.THROW;

    /**
     * The name of a {@link NotAcquiredHandler} bean that makes the result of a call that did not acquire its key in time.
     * Excludes {@link OnNotAcquired#SKIP}.
     *
     * @return the name; empty for none
     */
    String notAcquiredHandler() default "";

    /**
     * What a call does whose lease is lost while the method runs.
     *
     * @return by default {@link OnLeaseLost#THROW}
     */
    OnLeaseLost onLost() default OnLeaseLost.THROW;

    /**
     * The name of the {@link io.distributedmutex.DistributedMutex} bean. Default: the only one, or the primary one.
     *
     * @return the name; empty for the default
     */
    String mutex() default "";
}
