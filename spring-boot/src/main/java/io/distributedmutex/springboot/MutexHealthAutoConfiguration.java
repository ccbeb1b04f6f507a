package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;

/**
 * Auto-configures the health contributor {@code distributedMutex}. It is in no health group unless the application puts it
 * there; {@code management.health.distributed-mutex.enabled=false} leaves it out.
 */
@AutoConfiguration(
        after = DistributedMutexAutoConfiguration.class,
        beforeName = "org.springframework.boot.health.autoconfigure.contributor.HealthContributorAutoConfiguration")
@ConditionalOnClass({HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class})
@ConditionalOnBean(DistributedMutex.class)
public final class MutexHealthAutoConfiguration {

    /** For Spring. */
    public MutexHealthAutoConfiguration() {}

    @Bean
    @ConditionalOnEnabledHealthIndicator("distributed-mutex")
    @ConditionalOnMissingBean(name = "distributedMutexHealthIndicator")
    HealthIndicator distributedMutexHealthIndicator(DistributedMutex mutex) {
        return new MutexHealthIndicator(mutex);
    }
}
