package io.distributedmutex.springboot;

import io.distributedmutex.LockOptions;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.OnLost;
import java.time.Duration;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;

/**
 * The properties of the auto-configured mutex. One that is not known is refused at the start.
 *
 * @param leaseTime How long a lease lasts unless it is extended or renewed, from 10 ms to 365 days.
 * @param waitTime How long an acquire waits for other holders, and how long a failing Redis is retried, from 0 to 365 days.
 * @param retryInterval How often a waiter polls behind the push, from 10 ms to 1 min.
 * @param autoRenew Renews leases in the background until they are released, for this long at most. Zero turns renewal off.
 *     Otherwise at least the lease time, which must then be 300 ms or more.
 * @param minimumHold Keeps a key taken for so long after its grant, even if it is released earlier. At most the lease time.
 * @param onLost What becomes of the work of run and call when its lease is lost.
 * @param deadlocks What to do about threads that wait for each other in a circle, also across instances.
 * @param deadlocksAfter How long a wait lasts before it is looked at for deadlocks, from 10 ms to 1 h.
 * @param holderLabel Name of this instance for people, 1 to 128 characters. By default host name and process id, behind
 *     spring.application.name and an @ if that is set.
 * @param countWallClockSteps Whether a forward step of the wall clock counts as time that has passed.
 * @param shutdownPatience How long the shutdown of the application waits for leases to be given back, from 0 to 365 days.
 *     It starts when the web server and the listeners of messages have stopped.
 * @param redis How to connect.
 * @param metrics What is measured besides.
 */
@ConfigurationProperties(prefix = DistributedMutexProperties.PREFIX, ignoreUnknownFields = false)
record DistributedMutexProperties(
        @DefaultValue("1m") Duration leaseTime,
        @DefaultValue("5s") Duration waitTime,
        @DefaultValue("250ms") Duration retryInterval,
        @DefaultValue("0s") Duration autoRenew,
        @DefaultValue("0s") Duration minimumHold,
        @DefaultValue("throw") OnLost onLost,
        @DefaultValue("report") OnDeadlock deadlocks,
        @DefaultValue("1s") Duration deadlocksAfter,
        @Nullable String holderLabel,
        @DefaultValue("true") boolean countWallClockSteps,
        @DefaultValue("20s") Duration shutdownPatience,
        @DefaultValue Redis redis,
        @DefaultValue Metrics metrics) {

    static final String PREFIX = "distributed-mutex";

    static final String URI = PREFIX + ".redis.uri";

    static final String LAZY = PREFIX + ".redis.lazy";

    static final String STORE_REQUESTS = PREFIX + ".metrics.store-requests";

    /**
     * How to connect.
     *
     * @param uri Where to connect to instead of where spring.data.redis connects to: redis://[[user]:password@]host[:port][/database],
     *     rediss://... for TLS, or redis-sentinel://[password@]host[:port][,host2[:port2]]#primary.
     * @param lazy Whether to connect at the first use, so that the application starts without Redis.
     * @param keyPrefix What the Redis key of each lock begins with, at most 128 characters. All that share locks need the same.
     * @param commandTimeout How long Redis may take to answer one request, from 10 ms to 1 min.
     * @param startCheck Whether connecting tries all that the ACL must allow.
     */
    record Redis(
            @Nullable String uri,
            @DefaultValue("false") boolean lazy,
            @DefaultValue("lock:") String keyPrefix,
            @DefaultValue("2s") Duration commandTimeout,
            @DefaultValue("true") boolean startCheck) {}

    /**
     * What is measured besides, where there is a MeterRegistry.
     *
     * @param storeRequests Whether each request to Redis is timed.
     */
    record Metrics(@DefaultValue("false") boolean storeRequests) {}

    /**
     * The options of every lock.
     *
     * @throws InvalidConfigurationPropertyValueException if one is out of bounds or contradicts one before it
     */
    LockOptions lockOptions() {
        LockOptions options = LockOptions.builder().onLost(onLost).build();
        // One at a time, so that what is refused is the one that was added last.
        options = with(options, "lease-time", leaseTime, builder -> builder.leaseTime(leaseTime));
        options = with(options, "wait-time", waitTime, builder -> builder.waitTime(waitTime));
        options = with(options, "retry-interval", retryInterval, builder -> builder.retryInterval(retryInterval));
        options = with(options, "auto-renew", autoRenew, builder -> builder.autoRenew(autoRenew));
        return with(options, "minimum-hold", minimumHold, builder -> builder.minimumHold(minimumHold));
    }

    /**
     * How long the shutdown waits.
     *
     * @throws InvalidConfigurationPropertyValueException if it is out of bounds
     */
    Duration checkedShutdownPatience() {
        if (shutdownPatience.isNegative() || shutdownPatience.compareTo(LockOptions.MAXIMUM) > 0) {
            throw new InvalidConfigurationPropertyValueException(
                    PREFIX + ".shutdown-patience", shutdownPatience, "shutdownPatience must be from 0 to 365 days");
        }
        return shutdownPatience;
    }

    private static LockOptions with(
            LockOptions options, String name, Duration value, UnaryOperator<LockOptions.Builder> change) {
        LockOptions[] changed = {options};
        checked(
                name,
                value,
                () -> changed[0] = change.apply(options.toBuilder()).build());
        return changed[0];
    }

    /**
     * Gives a property's value to what checks it.
     *
     * @param name the property, without our prefix
     * @param value the value, no secret
     * @param use throws {@link IllegalArgumentException} if the value is refused
     * @throws InvalidConfigurationPropertyValueException if it is, for Boot to say where the property was set
     */
    static void checked(String name, Object value, Runnable use) {
        try {
            use.run();
        } catch (IllegalArgumentException e) {
            throw new InvalidConfigurationPropertyValueException(PREFIX + "." + name, value, e.getMessage());
        }
    }
}
