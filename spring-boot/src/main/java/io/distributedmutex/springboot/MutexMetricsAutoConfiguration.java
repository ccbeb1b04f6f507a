package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.micrometer.KeyNames;
import io.distributedmutex.micrometer.MutexMetrics;
import io.distributedmutex.micrometer.ObservedMutex;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

/**
 * Auto-configures {@link MutexMetrics} where there is a {@link MeterRegistry}, and {@link ObservedMutex} where there is an
 * {@link ObservationRegistry}. A bean of type {@link KeyNames} gives both the names of keys.
 */
@AutoConfiguration(
        after = DistributedMutexAutoConfiguration.class,
        afterName = {
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration"
        })
@ConditionalOnClass({MutexMetrics.class, MeterRegistry.class})
@ConditionalOnBean(DistributedMutex.class)
public final class MutexMetricsAutoConfiguration {

    /** For Spring. */
    public MutexMetricsAutoConfiguration() {}

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    @ConditionalOnBean(MeterRegistry.class)
    MutexMetrics distributedMutexMetrics(MeterRegistry registry, ObjectProvider<KeyNames> names) {
        return MutexMetrics.create(registry, names.getIfAvailable(KeyNames::none));
    }

    @Bean
    @ConditionalOnBean(MutexMetrics.class)
    MutexWatch distributedMutexMetricsWatch(MutexMetrics metrics) {
        return metrics::watch;
    }

    @Bean
    @ConditionalOnBean(MutexMetrics.class)
    @ConditionalOnBooleanProperty(DistributedMutexProperties.STORE_REQUESTS)
    RedisMutexCustomizer distributedMutexStoreTimer(MutexMetrics metrics) {
        return builder -> builder.decorateStore(metrics::timed);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(ObservationRegistry.class)
    ObservedMutex observedMutex(DistributedMutex mutex, ObservationRegistry registry, ObjectProvider<KeyNames> names) {
        return ObservedMutex.of(mutex, registry, names.getIfAvailable(KeyNames::none));
    }
}
