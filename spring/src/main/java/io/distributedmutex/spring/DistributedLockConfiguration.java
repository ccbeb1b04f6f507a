package io.distributedmutex.spring;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.ImportAware;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.context.annotation.Role;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.core.type.AnnotationMetadata;

/**
 * The beans behind {@link DistributedLock}. Imported by {@link EnableDistributedLocks}; an auto-configuration may import it
 * directly, and then has that annotation's defaults.
 */
@Configuration(proxyBeanMethods = false)
@Import(LockProxies.class)
@ImportRuntimeHints(LockHints.class)
@Role(BeanDefinition.ROLE_INFRASTRUCTURE)
public final class DistributedLockConfiguration implements ImportAware {

    /** The default {@link EnableDistributedLocks#order}: outside transactions, and inside what has an order of its own. */
    public static final int DEFAULT_ORDER = Ordered.LOWEST_PRECEDENCE - 1000;

    private int order = DEFAULT_ORDER;

    /** For Spring. */
    public DistributedLockConfiguration() {}

    /** For Spring: reads {@link EnableDistributedLocks}. */
    @Override
    public void setImportMetadata(AnnotationMetadata importing) {
        MergedAnnotation<EnableDistributedLocks> enable =
                importing.getAnnotations().get(EnableDistributedLocks.class);
        order = enable.isPresent() ? enable.getInt("order") : DEFAULT_ORDER;
    }

    @Bean
    @Role(BeanDefinition.ROLE_INFRASTRUCTURE)
    static LockedMethods distributedLockMethods() {
        return new LockedMethods();
    }

    @Bean
    @Role(BeanDefinition.ROLE_INFRASTRUCTURE)
    static LockChecks distributedLockChecks(LockedMethods methods) {
        return new LockChecks(methods);
    }

    @Bean
    @Role(BeanDefinition.ROLE_INFRASTRUCTURE)
    LockAdvisor distributedLockAdvisor(LockedMethods methods) {
        return new LockAdvisor(methods, order);
    }
}
