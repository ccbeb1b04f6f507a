package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.spring.DistributedLock;
import io.distributedmutex.spring.DistributedLockConfiguration;
import io.distributedmutex.spring.EnableDistributedLocks;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Import;

/** Auto-configures {@link DistributedLock}, unless the application says {@link EnableDistributedLocks} itself. */
@AutoConfiguration(after = DistributedMutexAutoConfiguration.class)
@ConditionalOnBean(DistributedMutex.class)
@ConditionalOnMissingBean(DistributedLockConfiguration.class)
@Import(DistributedLockConfiguration.class)
public final class DistributedLockAutoConfiguration {

    /** For Spring. */
    public DistributedLockAutoConfiguration() {}
}
