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
 * @param blocking whether threads block: in acquire, release and extend, which else are abandoned where they would block
 * @param clocks what the machines know of suspensions
 * @param faultsOneIn one in how many messages meets a fault; 0 for none
 * @param rates how fast the instances' clocks run; their number is the number of instances
 * @param keys how many keys they share
 * @param actions what is done, in order
 */
record Plan(
        long seed,
        boolean calm,
        boolean blocking,
        Clocks clocks,
        int faultsOneIn,
        List<Double> rates,
        int keys,
        List<Action> actions) {

    /** What a machine knows of its suspensions. */
    enum Clocks {
        /** There is no /proc/uptime: any step of the wall clock forward counts as a suspension. */
        NO_UPTIME,
        /** The uptime tells suspensions from steps, and steps are ignored. */
        STEPS_IGNORED,
        /** The uptime tells suspensions, and steps count as well, as by default. */
        STEPS_COUNTED,
        /** A guest that its host pauses: the uptime stands still with it, and the wall clock alone tells. */
        PAUSED_GUEST
    }

    /** What may be done. */
    enum Kind implements Luck.Kind {
        ACQUIRE_ASYNC(46, false),
        TRY(6, false),
        /** Blocks a thread; in a life without such threads it is asynchronous too. */
        ACQUIRE(6, false),
        CANCEL(3, false),
        INTERRUPT(3, false),
        EXTEND(12, false),
        CLOSE_AGAIN(3, false),
        /** Harmless in a calm life, where such a step changes nothing. */
        STEP_WALL_CLOCK(2, false),
        CLOSE_INSTANCE(1, false),
        CUT(2, true),
        MEND(2, true),
        PAUSE(2, true),
        RESUME(2, true),
        SUSPEND(1, true),
        CRASH(1, true),
        LOSE_SUBSCRIPTION(2, true),
        SUBSCRIBE_AGAIN(2, true),
        STORE_DOWN(1, true),
        STORE_BACK_WITH_ALL(2, true),
        STORE_BACK_WITHOUT_ONE_KEY(1, true),
        STORE_BACK_EMPTY(1, true),
        STORE_SNAPSHOT(1, true),
        STORE_BACK_AS_REPLICA(1, true),
        DELETE_KEY(1, true),
        FORCE_RELEASE(1, true);

        private final int weight;
        private final boolean hostile;

        Kind(int weight, boolean hostile) {
            this.weight = weight;
            this.hostile = hostile;
        }

        @Override
        public int weight() {
            return weight;
        }

        @Override
        public boolean hostile() {
            return hostile;
        }
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
        return new Plan(seed, calm, blocking, clocks, faultsOneIn, rates, keys, otherActions);
    }

    Plan withoutFaults() {
        return new Plan(seed, calm, blocking, clocks, 0, rates, keys, actions);
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
        boolean blocking = random.nextInt(8) == 0;
        Clocks clocks = calm ? Clocks.STEPS_IGNORED : Clocks.values()[random.nextInt(4)];
        Luck<Kind> luck = new Luck<>(random, List.of(Kind.values()), calm);
        // How many of five leases are held for long.
        int longHolds = 1 + random.nextInt(4);
        int count = 15 + random.nextInt(60);
        List<Action> actions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            actions.add(action(random, calm, luck, longHolds, instances, keys));
        }
        return new Plan(seed, calm, blocking, clocks, faultsOneIn, List.copyOf(rates), keys, List.copyOf(actions));
    }

    private static Action action(
            SplittableRandom random, boolean calm, Luck<Kind> luck, int longHolds, int instances, int keys) {
        long lease = random.nextInt(4) == 0
                ? random.nextLong(10, 400)
                : random.nextLong(400, calm ? 4_000 : random.nextInt(3) == 0 ? 10_000 : 2_000);
        boolean renews = lease >= 300 && random.nextInt(4) == 0;
        return new Action(
                gapNanos(random),
                luck.next(random),
                random.nextInt(instances),
                random.nextInt(keys),
                lease,
                random.nextLong(1, 5_000),
                random.nextLong(10, calm ? 150 : 400),
                renews ? lease + random.nextLong(3_000) : 0,
                random.nextInt(10) == 0 ? random.nextLong(1, lease) : 0,
                holdNanos(random, longHolds, lease),
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

    private static long holdNanos(SplittableRandom random, int longHolds, long leaseMillis) {
        if (random.nextInt(5) >= longHolds) {
            return random.nextLong(3_000_000);
        }
        return random.nextBoolean() ? random.nextLong(leaseMillis * 1_200_000) : random.nextLong(700_000_000);
    }

    private static End end(SplittableRandom random, boolean calm) {
        return switch (random.nextInt(12)) {
            case 0, 1, 2 -> End.RELEASE;
            case 3 -> End.LATE;
            case 4 -> calm ? End.CLOSE : End.FORGET;
            default -> End.CLOSE;
        };
    }
}
