package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.equivalence.Step.Kind;
import io.distributedmutex.redis.equivalence.Step.Whose;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A sequence of operations, decided by a seed.
 *
 * @param seed where it comes from
 * @param steps what is done, in order
 */
record SequencePlan(long seed, List<Step> steps) {

    static final int CLIENTS = 4;

    /** The first two share a cluster slot, and with it a fence counter; the third does not. */
    static final List<String> KEYS = List.of("tenant:{7}:a", "tenant:{7}:b", "b\u00f8b {x");

    /** As many units as most waiters' times have, 2 s, where {@link Passing#moved} is used. */
    static final long USUAL_UNITS = 5;

    private static final int SHORTEST = 20;
    private static final int LONGEST = 60;

    static SequencePlan random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        // Where nobody interferes queues grow longer.
        boolean peaceful = random.nextInt(3) == 0;
        boolean closing = !peaceful && random.nextInt(12) == 0;
        int keys = 1 + random.nextInt(KEYS.size());
        List<Step> steps = new ArrayList<>();
        int count = random.nextInt(SHORTEST, LONGEST + 1);
        for (int i = 0; i < count; i++) {
            // Most of it at one key, where clients meet.
            int key = random.nextInt(3) == 0 ? random.nextInt(keys) : 0;
            steps.add(step(random, kind(random, peaceful, closing), key));
        }
        return new SequencePlan(seed, List.copyOf(steps));
    }

    private static Step step(SplittableRandom random, Kind kind, int key) {
        boolean isUsual = random.nextInt(3) > 0;
        return new Step(
                kind,
                random.nextInt(CLIENTS),
                key,
                whose(random, kind),
                random.nextInt(4) == 0 ? (random.nextInt(4) == 0 ? Whose.USED : Whose.OWNER) : Whose.NONE,
                kind == Kind.PASS ? 10 * random.nextLong(1, random.nextInt(4) == 0 ? 15 : 4) : time(random),
                isUsual ? USUAL_UNITS : time(random),
                isUsual ? USUAL_UNITS : time(random),
                random.nextBoolean(),
                random.nextInt(Integer.MAX_VALUE));
    }

    private static long time(SplittableRandom random) {
        return 10 * random.nextLong(random.nextInt(3) == 0 ? 20 : 5) + 5;
    }

    private static Whose whose(SplittableRandom random, Kind kind) {
        int number = random.nextInt(12);
        if (kind == Kind.TRY || kind == Kind.QUEUE) {
            return number < 7 ? Whose.NEW : number < 9 ? Whose.WAITING : number < 11 ? Whose.OWNER : Whose.USED;
        }
        if (kind == Kind.CANCEL) {
            return number < 6 ? Whose.WAITING : number < 9 ? Whose.OWNER : number < 11 ? Whose.USED : Whose.NEW;
        }
        return number < 8 ? Whose.OWNER : number < 9 ? Whose.WAITING : number < 11 ? Whose.USED : Whose.NEW;
    }

    private static Kind kind(SplittableRandom random, boolean peaceful, boolean closing) {
        int number = random.nextInt(peaceful ? 87 : 103);
        if (number < 13) {
            return Kind.TRY;
        }
        if (number < 41) {
            return Kind.QUEUE;
        }
        if (number < 54) {
            return Kind.RELEASE;
        }
        if (number < 57) {
            return Kind.KEEP;
        }
        if (number < 64) {
            return Kind.CANCEL;
        }
        if (number < 70) {
            return Kind.RENEW;
        }
        if (number < 73) {
            return Kind.INSPECT;
        }
        if (number < 80) {
            return Kind.REPEAT;
        }
        if (number < 87) {
            return Kind.PASS;
        }
        return switch (number) {
            case 87, 88 -> Kind.FORCE_RELEASE;
            case 89, 90 -> Kind.DELETE;
            case 91 -> random.nextBoolean() ? Kind.FLUSH_ALL : Kind.FLUSH_SCRIPTS;
            case 92, 93 -> Kind.PUT_FOREIGN;
            case 94 -> Kind.PUT_WRONG_TYPE;
            case 95, 96 -> Kind.UNSUBSCRIBE;
            case 97, 98 -> Kind.SUBSCRIBE;
            case 99, 100, 101 -> Kind.CLOCK_BACK;
            default -> closing ? Kind.CLOSE : Kind.RELEASE;
        };
    }
}
