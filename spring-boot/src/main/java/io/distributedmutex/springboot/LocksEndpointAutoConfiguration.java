package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.autoconfigure.info.ConditionalOnEnabledInfoContributor;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

/** Auto-configures the endpoint {@code locks}, where it is exposed, and what {@code info} says of this instance. */
@AutoConfiguration(after = DistributedMutexAutoConfiguration.class)
@ConditionalOnClass({Endpoint.class, ConditionalOnAvailableEndpoint.class})
@ConditionalOnBean(DistributedMutex.class)
public final class LocksEndpointAutoConfiguration {

    /** For Spring. */
    public LocksEndpointAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnAvailableEndpoint
    LocksEndpoint locksEndpoint(DistributedMutex mutex) {
        return new LocksEndpoint(mutex);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnEnabledInfoContributor("distributed-mutex")
    MutexInfoContributor distributedMutexInfoContributor(DistributedMutex mutex) {
        return new MutexInfoContributor(mutex);
    }
}
