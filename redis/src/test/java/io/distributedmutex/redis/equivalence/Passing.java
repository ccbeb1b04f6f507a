package io.distributedmutex.redis.equivalence;

/**
 * How time passes on the server, whose clock nobody can move.
 *
 * @param isReal whether it is waited for; else what is stored is moved instead: every end and sign of life is brought nearer by
 *     the time that is to pass, and what ends by it is given a millisecond and left to expire
 * @param unitMillis how long a unit of a {@link Step} is
 */
record Passing(boolean isReal, long unitMillis) {

    /** How far an operation may be behind its time, half a unit less than what would make its answer another. */
    private static final double BOUND_UNITS = 4.5;

    /** Every wait is left out. What most waiters ask for is as long as {@link SequencePlan#USUAL_UNITS}. */
    static Passing moved() {
        return new Passing(false, 400);
    }

    /** A unit so long that no machine is too slow. No waiter is as most are. */
    static Passing movedFar() {
        return new Passing(false, 2_000);
    }

    static Passing real(long unitMillis) {
        return new Passing(true, unitMillis);
    }

    long boundMillis() {
        return (long) (BOUND_UNITS * unitMillis);
    }
}
