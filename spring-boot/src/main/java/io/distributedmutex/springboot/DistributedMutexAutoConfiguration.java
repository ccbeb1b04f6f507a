package io.distributedmutex.springboot;

import static io.distributedmutex.springboot.DistributedMutexProperties.checked;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.MutexListener;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisMutex;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.core.env.Environment;

/**
 * Auto-configures a {@link DistributedMutex} on Redis, unless the application has one; a {@link MutexAdapter} on it; and the
 * shutdown of all mutexes of the application.
 *
 * <p>The mutex connects to {@code distributed-mutex.redis.uri}, else to where Boot's Redis connections go, else to localhost.
 * It has a client of its own, whose commands appear in no trace of the application. All {@link MutexListener} beans hear of
 * its locks, and all {@link RedisMutexCustomizer} beans may change it.
 */
@AutoConfiguration(afterName = "org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration")
@EnableConfigurationProperties(DistributedMutexProperties.class)
@ImportRuntimeHints(RedisRuntimeHints.class)
public final class DistributedMutexAutoConfiguration {

    private static final Logger log = LoggerFactory.getLogger(DistributedMutexAutoConfiguration.class);

    /** For Spring. */
    public DistributedMutexAutoConfiguration() {}

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    DistributedMutex distributedMutex(
            DistributedMutexProperties properties,
            ObjectProvider<RedisSource> boot,
            ObjectProvider<MutexListener> listeners,
            ObjectProvider<RedisMutexCustomizer> customizers,
            ObjectProvider<MutexWatch> watches,
            Environment environment) {
        DistributedMutexProperties.Redis redis = properties.redis();
        // All that can be refused is, before anything is connected.
        properties.checkedShutdownPatience();
        RedisMutex.Builder builder =
                RedisMutex.builder().options(properties.lockOptions()).startCheck(redis.startCheck());
        builder.countWallClockSteps(properties.countWallClockSteps());
        builder.deadlocks(properties.deadlocks());
        checked(
                "deadlocks-after",
                properties.deadlocksAfter(),
                () -> builder.deadlocksAfter(properties.deadlocksAfter()));
        checked("redis.key-prefix", redis.keyPrefix(), () -> builder.keyPrefix(redis.keyPrefix()));
        checked("redis.command-timeout", redis.commandTimeout(), () -> builder.commandTimeout(redis.commandTimeout()));
        label(properties.holderLabel(), environment, builder);
        String setBy = RedisServer.choose(redis, boot.getIfAvailable(), builder);
        listeners.orderedStream().forEach(builder::listener);
        if (redis.lazy()) {
            builder.lazy();
        }
        customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
        if (redis.lazy()) {
            log.info(
                    "locks connect to Redis at {} at their first use, as {} is set",
                    builder.server(),
                    DistributedMutexProperties.LAZY);
        }
        DistributedMutex mutex = connect(builder, setBy);
        watches.orderedStream().forEach(watch -> watch.watch(mutex));
        return mutex;
    }

    private static void label(@Nullable String label, Environment environment, RedisMutex.Builder builder) {
        if (label != null) {
            checked("holder-label", label, () -> builder.holderLabel(label));
            return;
        }
        String application = environment.getProperty("spring.application.name", "");
        if (!application.isBlank()) {
            builder.application(application);
        }
    }

    private static DistributedMutex connect(RedisMutex.Builder builder, String setBy) {
        try {
            return builder.connect();
        } catch (StoreException e) {
            throw new MutexStartException(
                    "The DistributedMutex could not be made: " + e.getMessage() + ". Its Redis is set by " + setBy
                            + ".",
                    e instanceof StoreUnreachableException
                            ? "Start Redis there, or correct " + setBy + ". With "
                                    + DistributedMutexProperties.LAZY
                                    + "=true the application starts without it, and connects at the first use."
                            : "Do what the description says, or correct " + setBy + ".",
                    e);
        }
    }

    @Bean
    @ConditionalOnMissingBean
    MutexAdapter mutexAdapter(DistributedMutex mutex) {
        return new MutexAdapter(mutex);
    }

    @Bean
    MutexShutdown distributedMutexShutdown(
            ConfigurableApplicationContext context, DistributedMutexProperties properties) {
        return new MutexShutdown(context, properties.checkedShutdownPatience());
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(DataRedisConnectionDetails.class)
    static class BootConnectionConfiguration {

        @Bean
        @ConditionalOnBean(DataRedisConnectionDetails.class)
        RedisSource distributedMutexRedisSource(DataRedisConnectionDetails details) {
            return new BootConnection(details);
        }
    }
}
