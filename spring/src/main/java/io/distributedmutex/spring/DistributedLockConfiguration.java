package io.distributedmutex.spring;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Role;
import org.springframework.core.Ordered;

/**
 * The beans behind {@link DistributedLock}. Imported by {@link EnableDistributedLocks}; an auto-configuration may import it
 * directly, and then has that annotation's defaults.
 */
@Configuration(proxyBeanMethods = false)
@Import(LockProxies.class)
@Role(BeanDefinition.ROLE_INFRASTRUCTURE)
public final class DistributedLockConfiguration {

    /** The default {@link EnableDistributedLocks#order}: outside transactions, and inside what is ordered at all. */
    public static final int DEFAULT_ORDER = Ordered.LOWEST_PRECEDENCE - 1000;

    /** For Spring. */
    public DistributedLockConfiguration() {}
}
