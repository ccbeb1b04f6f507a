package io.distributedmutex.verification.simulation;

import io.distributedmutex.verification.simulation.SimulatedNodes.Sharded;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What happens in a {@linkplain FailoverLife life with failovers}, decided beforehand by a seed. All luck of servers and network
 * comes from the seed, too, so a plan is all that is needed to live the same life again.
 *
 * @param seed where everything comes from
 * @param shards how many masters there are; 0 for one with Sentinels
 * @param sharded which nodes of a cluster have sharded channels
 * @param calm no faults
 * @param faultsOneIn one in how many messages meets a fault; 0 for none
 * @param instances how many there are
 * @param keys what they lock
 * @param actions what is done, in order
 */
record FailoverPlan(
        long seed,
        int shards,
        Sharded sharded,
        boolean calm,
        int faultsOneIn,
        int instances,
        List<String> keys,
        List<Action> actions) {

    /** What is done. */
    enum Kind implements Luck.Kind {
        ACQUIRE(60, false),
        TRY(8, false),
        CANCEL(4, false),
        EXTEND(8, false),
        MOVE_SLOT(6, false),
        MOVE_KEY(14, false),
        HAND_OVER(2, true),
        KILL(2, true),
        FREEZE(2, true),
        STAND_STILL(2, true),
        SPLIT(2, true),
        CUT_OFF(2, true),
        BREAK(4, true),
        CUT(2, true),
        MEND(3, true),
        PAUSE(2, true),
        RESUME(3, true),
        CRASH(1, true);

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

    /**
     * One thing that is done.
     *
     * @param afterNanos how long after the one before
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
            long holdNanos,
            boolean renews,
            boolean forgets,
            int pick) {}

    FailoverPlan with(List<Action> fewer) {
        return new FailoverPlan(seed, shards, sharded, calm, faultsOneIn, instances, keys, fewer);
    }

    /** The plan of a seed. */
    static FailoverPlan random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        boolean calm = random.nextInt(4) == 0;
        int shards = random.nextInt(4) == 0 ? 0 : 2 + random.nextInt(2);
        Sharded sharded = Sharded.values()[random.nextInt(3)];
        int faultsOneIn = calm || random.nextBoolean() ? 0 : 20 + random.nextInt(200);
        int count = 2 + random.nextInt(3);
        // Two keys that share a slot, or keys of their own.
        List<String> keys = List.of("{a}one", "{a}two", "{b}one").subList(0, 1 + random.nextInt(3));
        Luck<Kind> luck = new Luck<>(random, List.of(Kind.values()), calm);
        int longHolds = random.nextInt(4);
        List<Action> actions = new ArrayList<>();
        int length = 15 + random.nextInt(45);
        for (int i = 0; i < length; i++) {
            Kind kind = luck.next(random);
            long lease = random.nextInt(4) == 0 ? random.nextLong(100, 600) : random.nextLong(600, 6_000);
            actions.add(new Action(
                    gapNanos(random),
                    kind,
                    random.nextInt(count),
                    random.nextInt(keys.size()),
                    lease,
                    random.nextLong(100, 8_000),
                    random.nextLong(20, 1_000),
                    random.nextInt(4) < longHolds ? random.nextLong(lease * 1_200_000) : random.nextLong(4_000_000),
                    random.nextInt(3) == 0,
                    random.nextInt(20) == 0,
                    random.nextInt(Integer.MAX_VALUE)));
        }
        return new FailoverPlan(seed, shards, sharded, calm, faultsOneIn, count, keys, List.copyOf(actions));
    }

    private static long gapNanos(SplittableRandom random) {
        return switch (random.nextInt(10)) {
            case 0 -> random.nextLong(2_000_000_000L);
            case 1, 2, 3 -> random.nextLong(50_000_000L);
            default -> random.nextLong(2_000_000L);
        };
    }
}
