package io.distributedmutex.verification.simulation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What happens in a life, decided beforehand by a seed: who lives in it, how bad the network is, and what is done when. The
 * network's luck comes from the seed too, so a plan is all that is needed to live the same life again.
 *
 * @param seed where everything comes from
 * @param calm no faults: promises that only hold without any are checked too
 * @param faultsOneIn one in how many messages meets a fault; 0 for none
 * @param rates how fast the instances' clocks run; their number is the number of instances
 * @param keys how many keys they share
 * @param actions what is done, in order
 */
record Plan(long seed, boolean calm, int faultsOneIn, List<Double> rates, int keys, List<Action> actions) {

    /** What may be done. The calm ones come first. */
    enum Kind {
        ACQUIRE_ASYNC,
        TRY,
        ACQUIRE,
        CANCEL,
        INTERRUPT,
        EXTEND,
        CLOSE_AGAIN,
        CUT,
        MEND,
        PAUSE,
        RESUME,
        CRASH,
        CLOSE_INSTANCE,
        LOSE_SUBSCRIPTION,
        SUBSCRIBE_AGAIN,
        STORE_DOWN,
        STORE_BACK_WITH_ALL,
        STORE_BACK_WITHOUT_ONE_KEY,
        STORE_BACK_EMPTY,
        STORE_SNAPSHOT,
        STORE_BACK_AS_REPLICA,
        DELETE_KEY,
        FORCE_RELEASE
    }

    /** How a lease ends. */
    enum End {
        CLOSE,
        RELEASE,
        LATE,
        FORGET
    }

    /**
     * One thing that is done, by or to an instance.
     *
     * @param afterNanos how long after the action before
     * @param pick chooses among what there is then
     */
    record Action(
            long afterNanos,
            Kind kind,
            int instance,
            int key,
            long leaseMillis,
            long waitMillis,
            long retryMillis,
            long maximumHoldMillis,
            long minimumHoldMillis,
            long holdNanos,
            End end,
            int pick) {

        @Override
        public String toString() {
            boolean acquires = kind == Kind.ACQUIRE_ASYNC || kind == Kind.ACQUIRE || kind == Kind.TRY;
            return kind + " by " + instance + " on key-" + key
                    + (kind == Kind.EXTEND ? " to " + leaseMillis + " ms" : "")
                    + (acquires
                            ? " lease " + leaseMillis + " ms, wait " + waitMillis + " ms, retry " + retryMillis
                                    + " ms, then hold " + holdNanos / 1_000 + " us and " + end
                                    + (maximumHoldMillis > 0 ? ", renewed up to " + maximumHoldMillis + " ms" : "")
                                    + (minimumHoldMillis > 0 ? ", minimum hold " + minimumHoldMillis + " ms" : "")
                            : "");
        }
    }

    Plan with(List<Action> otherActions) {
        return new Plan(seed, calm, faultsOneIn, rates, keys, otherActions);
    }

    Plan withoutFaults() {
        return new Plan(seed, calm, 0, rates, keys, actions);
    }

    static Plan random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        boolean calm = random.nextInt(3) == 0;
        int faultsOneIn = calm || random.nextInt(4) == 0 ? 0 : 4 + random.nextInt(80);
        int instances = 2 + random.nextInt(3);
        List<Double> rates = new ArrayList<>();
        for (int i = 0; i < instances; i++) {
            // Up to 1 % fast or slow.
            rates.add(1 + (random.nextDouble() - 0.5) * 0.02);
        }
        int keys = random.nextInt(3) == 0 ? 2 : 1;
        // Threads that block cost more than all else in a life: not in each.
        boolean blocking = random.nextInt(6) == 0;
        int count = 15 + random.nextInt(60);
        List<Action> actions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            actions.add(action(random, calm, blocking, instances, keys));
        }
        return new Plan(seed, calm, faultsOneIn, List.copyOf(rates), keys, List.copyOf(actions));
    }

    private static Action action(SplittableRandom random, boolean calm, boolean blocking, int instances, int keys) {
        long lease = random.nextInt(4) == 0
                ? random.nextLong(10, 400)
                : random.nextLong(400, calm ? 4_000 : random.nextInt(3) == 0 ? 10_000 : 2_000);
        boolean renews = lease >= 300 && random.nextInt(4) == 0;
        return new Action(
                gapNanos(random),
                kind(random, calm, blocking),
                random.nextInt(instances),
                random.nextInt(keys),
                lease,
                random.nextLong(1, 5_000),
                random.nextLong(10, calm ? 150 : 400),
                renews ? lease + random.nextLong(3_000) : 0,
                random.nextInt(10) == 0 ? random.nextLong(1, lease) : 0,
                holdNanos(random, lease),
                end(random, calm),
                random.nextInt(Integer.MAX_VALUE));
    }

    /** Mostly small gaps, in which races happen; now and then a long one, in which leases end. */
    private static long gapNanos(SplittableRandom random) {
        return switch (random.nextInt(10)) {
            case 0 -> random.nextLong(Duration.ofMillis(1_500).toNanos());
            case 1, 2, 3 -> random.nextLong(Duration.ofMillis(20).toNanos());
            default -> random.nextLong(Duration.ofMillis(1).toNanos());
        };
    }

    private static long holdNanos(SplittableRandom random, long leaseMillis) {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextLong(leaseMillis * 1_200_000);
            case 1 -> random.nextLong(700_000_000);
            default -> random.nextLong(3_000_000);
        };
    }

    private static End end(SplittableRandom random, boolean calm) {
        return switch (random.nextInt(12)) {
            case 0, 1, 2 -> End.RELEASE;
            case 3 -> End.LATE;
            case 4 -> calm ? End.CLOSE : End.FORGET;
            default -> End.CLOSE;
        };
    }

    private static Kind kind(SplittableRandom random, boolean calm, boolean blocking) {
        int number = random.nextInt(calm ? 78 : 100);
        if (number < 42) {
            return Kind.ACQUIRE_ASYNC;
        }
        if (number < 48) {
            return Kind.TRY;
        }
        if (number < 56) {
            return blocking ? Kind.ACQUIRE : Kind.ACQUIRE_ASYNC;
        }
        if (number < 65) {
            return Kind.EXTEND;
        }
        if (number == 77) {
            return Kind.CLOSE_INSTANCE;
        }
        if (number < 77) {
            return Kind.values()[Kind.CANCEL.ordinal() + (number - 65) / 3];
        }
        Kind[] hostile = Kind.values();
        int first = Kind.CUT.ordinal();
        return hostile[first + random.nextInt(hostile.length - first)];
    }
}
