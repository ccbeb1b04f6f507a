package io.distributedmutex;

import io.distributedmutex.spi.Checks;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Objects;

/**
 * How a lock is acquired and held: durations that cannot contradict each other. Immutable and safe to share.
 *
 * <p>The store counts in whole milliseconds. A fraction of one is rounded to the safe side: the maximum hold down, though not
 * below the lease time, and all other durations up, so that nothing ends early. The defaults are those of the Go package that
 * this library replaces: a lease of one minute, and a wait of five seconds (there: twenty retries of 250 ms).
 *
 * @param leaseTime how long a lease lasts unless it is extended or renewed; see {@link Builder#leaseTime}
 * @param waitTime how long an acquire may wait for another holder; see {@link Builder#waitTime}
 * @param retryInterval how often a waiter polls as a safety net behind the push; see {@link Builder#retryInterval}
 * @param maximumHold how long renewal keeps a lease alive, {@link Duration#ZERO} for no renewal; see
 *     {@link Builder#autoRenew}
 * @param minimumHold how long the key stays taken at least, {@link Duration#ZERO} for no minimum; see
 *     {@link Builder#minimumHold}
 * @param onLost what the scoped forms do when the lease is lost; see {@link Builder#onLost}
 */
public record LockOptions(
        Duration leaseTime,
        Duration waitTime,
        Duration retryInterval,
        Duration maximumHold,
        Duration minimumHold,
        OnLost onLost) {

    /** The shortest lease time: 10 ms. Below it the drift margin and a round trip would leave nothing of the lease. */
    public static final Duration MINIMUM_LEASE_TIME = Duration.ofMillis(10);

    /** The shortest lease time that can be renewed: 300 ms, so that a renewal has 100 ms to be sent, lost and repeated. */
    public static final Duration MINIMUM_RENEWED_LEASE_TIME = Duration.ofMillis(300);

    /** The longest duration that any option takes: 365 days. */
    public static final Duration MAXIMUM = Duration.ofDays(365);

    private static final LockOptions DEFAULTS = new LockOptions(
            Duration.ofMinutes(1),
            Duration.ofSeconds(5),
            Duration.ofMillis(250),
            Duration.ZERO,
            Duration.ZERO,
            OnLost.THROW);

    /**
     * Checks every duration and every pair of durations that depend on each other.
     *
     * @param leaseTime as above
     * @param waitTime as above
     * @param retryInterval as above
     * @param maximumHold as above
     * @param minimumHold as above
     * @param onLost as above
     * @throws IllegalArgumentException if a duration is out of its bounds or two contradict each other; the message
     *     names the values and the bounds
     */
    public LockOptions {
        Objects.requireNonNull(onLost, "onLost");
        leaseTime = Checks.roundedUp("leaseTime", leaseTime, MINIMUM_LEASE_TIME, MAXIMUM);
        waitTime = Checks.roundedUp("waitTime", waitTime, Duration.ZERO, MAXIMUM);
        retryInterval = Checks.roundedUp("retryInterval", retryInterval, Duration.ofMillis(10), Duration.ofMinutes(1));
        minimumHold = Checks.roundedUp("minimumHold", minimumHold, Duration.ZERO, MAXIMUM);
        // Compared with the lease time as that is rounded, and only then rounded down: two that are equal stay so.
        Duration longestHold = Checks.roundedUp("autoRenew (maximum hold)", maximumHold, Duration.ZERO, MAXIMUM);
        if (!longestHold.isZero()) {
            if (leaseTime.compareTo(MINIMUM_RENEWED_LEASE_TIME) < 0) {
                throw new IllegalArgumentException("autoRenew needs a leaseTime of at least "
                        + Checks.shown(MINIMUM_RENEWED_LEASE_TIME)
                        + " so that a lost renewal can be repeated, but leaseTime is "
                        + Checks.shown(leaseTime));
            }
            if (longestHold.compareTo(leaseTime) < 0) {
                throw new IllegalArgumentException("autoRenew (maximum hold) of " + Checks.shown(maximumHold)
                        + " is shorter than the leaseTime of " + Checks.shown(leaseTime));
            }
            maximumHold = longestHold.equals(leaseTime) ? leaseTime : maximumHold.truncatedTo(ChronoUnit.MILLIS);
        }
        if (minimumHold.compareTo(leaseTime) > 0) {
            throw new IllegalArgumentException("minimumHold of " + Checks.shown(minimumHold)
                    + " is longer than the leaseTime of " + Checks.shown(leaseTime)
                    + ": a holder that dies could not honour it");
        }
    }

    /**
     * The defaults: lease 1 min, wait 5 s, retry interval 250 ms, no renewal, no minimum hold.
     *
     * @return the default options
     */
    public static LockOptions defaults() {
        return DEFAULTS;
    }

    /**
     * A builder that starts from the defaults.
     *
     * @return a new builder
     */
    public static Builder builder() {
        return DEFAULTS.toBuilder();
    }

    /**
     * A builder that starts from these options.
     *
     * @return a new builder
     */
    public Builder toBuilder() {
        return new Builder(this);
    }

    /**
     * Whether a lease is renewed in the background.
     *
     * @return true if {@link #maximumHold} is not zero
     */
    public boolean renews() {
        return !maximumHold.isZero();
    }

    /** Collects options; each method says the default, the bounds and what the option trades. Not thread-safe. */
    public static final class Builder {
        private Duration leaseTime;
        private Duration waitTime;
        private Duration retryInterval;
        private Duration maximumHold;
        private Duration minimumHold;
        private OnLost onLost;

        private Builder(LockOptions from) {
            this.leaseTime = from.leaseTime;
            this.waitTime = from.waitTime;
            this.retryInterval = from.retryInterval;
            this.maximumHold = from.maximumHold;
            this.minimumHold = from.minimumHold;
            this.onLost = from.onLost;
        }

        /**
         * How long a lease lasts unless extended or renewed. Default 1 min; from 10 ms to 365 days. A short lease frees
         * the key soon after its holder died; a long one tolerates a longer pause or outage of a living holder.
         *
         * @param leaseTime a fraction of a millisecond is rounded up
         * @return this builder
         */
        public Builder leaseTime(Duration leaseTime) {
            this.leaseTime = leaseTime;
            return this;
        }

        /**
         * How long {@code acquire} may wait for another holder, and how long a failing store is retried. Default 5 s;
         * from 0 (one attempt, no waiting) to 365 days.
         *
         * @param waitTime a fraction of a millisecond is rounded up
         * @return this builder
         */
        public Builder waitTime(Duration waitTime) {
            this.waitTime = waitTime;
            return this;
        }

        /**
         * How often a waiter polls the store. Default 250 ms; from 10 ms to 1 min. A freed key reaches its waiter by
         * push, so polling only bounds the delay after a lost push and shows that the waiter lives; a shorter
         * interval costs commands and gains nothing while pushes arrive.
         *
         * @param retryInterval a fraction of a millisecond is rounded up
         * @return this builder
         */
        public Builder retryInterval(Duration retryInterval) {
            this.retryInterval = retryInterval;
            return this;
        }

        /**
         * Renews the lease in the background, every third of the lease time, until it is released or this much time has
         * passed since it was granted. Default {@link Duration#ZERO}: no renewal. At least the lease time (which must
         * then be 300 ms or more) and at most 365 days. The maximum is what ends a lock whose holder lives but hangs.
         *
         * @param maximumHold zero turns renewal off; a fraction of a millisecond is rounded down
         * @return this builder
         */
        public Builder autoRenew(Duration maximumHold) {
            this.maximumHold = maximumHold;
            return this;
        }

        /**
         * Keeps the key taken until this long after the grant, even if the lease is released earlier or its holder dies:
         * for jobs that must not run twice in a period, on machines whose clocks differ. Default {@link Duration#ZERO};
         * at most the lease time.
         *
         * @param minimumHold zero turns it off; a fraction of a millisecond is rounded up
         * @return this builder
         */
        public Builder minimumHold(Duration minimumHold) {
            this.minimumHold = minimumHold;
            return this;
        }

        /**
         * What {@link DistributedMutex#run} and {@link DistributedMutex#call} do when the lease is lost while their body runs.
         * Default {@link OnLost#THROW}: the body runs to its end. {@link OnLost#INTERRUPT} ends sooner what should not go on
         * without the lock, if the body minds interrupts. Has no effect on leases that are acquired without a body.
         *
         * @param onLost what to do
         * @return this builder
         */
        public Builder onLost(OnLost onLost) {
            this.onLost = Objects.requireNonNull(onLost, "onLost");
            return this;
        }

        /**
         * Checks all durations together.
         *
         * @return the options
         * @throws IllegalArgumentException if a duration is out of its bounds or two contradict each other
         */
        public LockOptions build() {
            return new LockOptions(leaseTime, waitTime, retryInterval, maximumHold, minimumHold, onLost);
        }
    }
}
