package io.distributedmutex.testing;

/**
 * Where the random tests begin. The build begins at the same seed each time, so that the same commit gives the same answer;
 * {@code -Dseeds.from=N} begins elsewhere, as {@code verification/soak} does.
 */
public final class Seeds {

    private Seeds() {}

    /** The first of the consecutive seeds that a test takes. */
    public static long first() {
        return Long.getLong("seeds.from", 1);
    }
}
