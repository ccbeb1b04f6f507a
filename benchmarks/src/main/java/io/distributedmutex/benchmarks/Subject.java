package io.distributedmutex.benchmarks;

import io.distributedmutex.Lease;
import java.util.Locale;
import java.util.function.Function;
import org.springframework.integration.redis.util.RedisLockRegistry.RedisLockType;

/** What is measured: this library in its two ways to release and with meters, and what people use instead. */
enum Subject {
    /** Released by close(), which does not wait for the store's answer. */
    OURS(uri -> new MutexLocks(uri, Lease::close)),
    /** The same with the meters of distributed-mutex-micrometer, for Prometheus. */
    OURS_METERED(MutexLocks::metered),
    /** Released by release(), which does. */
    OURS_CONFIRMED(uri -> new MutexLocks(uri, Lease::release)),
    /** Our own two scripts by hand: what we cannot be faster than, but by not waiting for the release. */
    RAW(RawLocks::new),
    /** SET NX PX and a compare-and-delete script, on one shared connection of Lettuce. */
    LETTUCE(LettuceLocks::new),
    /** The same on a pool of Jedis. */
    JEDIS(JedisLocks::new),
    /** RLock. */
    REDISSON(uri -> new RedissonLocks(uri, RedissonLocks.Kind.PLAIN)),
    /** RLock by getFairLock. */
    REDISSON_FAIR(uri -> new RedissonLocks(uri, RedissonLocks.Kind.FAIR)),
    /** RFencedLock. */
    REDISSON_FENCED(uri -> new RedissonLocks(uri, RedissonLocks.Kind.FENCED)),
    /** RedisLockRegistry, which polls. */
    SPRING_SPIN(uri -> new SpringLocks(uri, RedisLockType.SPIN_LOCK)),
    /** RedisLockRegistry, told by pub/sub. */
    SPRING_PUBSUB(uri -> new SpringLocks(uri, RedisLockType.PUB_SUB_LOCK));

    private final Function<String, Locks> opener;

    Subject(Function<String, Locks> opener) {
        this.opener = opener;
    }

    Locks open(String uri) {
        return opener.apply(uri);
    }

    /** Its name on the command line and in results. */
    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    boolean isOurs() {
        return this == OURS || this == OURS_METERED || this == OURS_CONFIRMED;
    }

    /** Written by hand with SET, so that a SET is a request of its own and not part of a script. */
    boolean isByHand() {
        return this == LETTUCE || this == JEDIS;
    }

    /** Whether it is a lock that one can wait for, and another one than those above it. */
    boolean isLock() {
        return this != RAW && this != OURS_METERED;
    }

    static Subject of(String label) {
        return valueOf(label.toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    @Override
    public String toString() {
        return label();
    }
}
