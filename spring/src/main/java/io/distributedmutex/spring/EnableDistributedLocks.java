package io.distributedmutex.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.context.annotation.Import;

/**
 * Makes {@link DistributedLock} work in an application context: put it on a {@code @Configuration} class. The context needs a
 * {@link io.distributedmutex.DistributedMutex} bean, which is looked up when it is needed first.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@Import({LockProxies.class, DistributedLockConfiguration.class})
public @interface EnableDistributedLocks {

    /**
     * Where the lock stands among the advisors of a bean: those with a smaller order surround it. The default is before that of
     * transactions, which is {@link org.springframework.core.Ordered#LOWEST_PRECEDENCE}. A transaction that would surround the
     * lock is refused when the bean is made.
     *
     * @return the order
     */
    int order() default DistributedLockConfiguration.DEFAULT_ORDER;

    /**
     * Whether beans are proxied by a subclass even if they implement interfaces. Holds for all advisors of the context.
     *
     * @return by default false
     */
    boolean proxyTargetClass() default false;
}
