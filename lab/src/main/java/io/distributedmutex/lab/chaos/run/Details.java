package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/**
 * What the seed decides of a fault beyond its kind and time.
 *
 * @param directions which ways a network fails
 * @param bytes at which byte
 * @param delay by how much
 * @param key a key
 * @param holding whether it is to come while its victim holds something
 * @param random decides what depends on how things stand
 * @param text the fault, for people
 */
record Details(
        List<Direction> directions,
        long bytes,
        Duration delay,
        String key,
        boolean holding,
        Random random,
        String text) {

    private static final int MOST_BYTES = 400;
    private static final int MOST_DELAY_MILLIS = 700;

    static Details of(Step step, List<String> keys) {
        Random random = new Random(step.seed());
        List<Direction> directions = switch (random.nextInt(3)) {
            case 0 -> List.of(Direction.TO_SERVER);
            case 1 -> List.of(Direction.TO_CLIENT);
            default -> List.of(Direction.TO_SERVER, Direction.TO_CLIENT);
        };
        long bytes = 1L + random.nextInt(MOST_BYTES);
        Duration delay = Duration.ofMillis(20 + random.nextInt(MOST_DELAY_MILLIS - 20));
        String key = keys.get(random.nextInt(keys.size()));
        boolean holding = random.nextInt(3) > 0;
        String way = directions.size() == 2
                ? "both ways"
                : directions.get(0) == Direction.TO_SERVER ? "to the server" : "to the client";
        String firstWay = directions.get(0) == Direction.TO_SERVER ? "to the server" : "to the client";
        String more = switch (step.fault()) {
            case KILL_WORKER -> holding ? " while it holds a key" : "";
            case DELETE_KEY, MIGRATE_SLOT -> ": " + key;
            case CUT_AT_BYTE -> " " + bytes + " " + firstWay;
            case DELAY -> ", " + delay.toMillis() + " ms " + way;
            case BLACK_HOLE, HIDE_PRIMARY, HIDE_SENTINELS, CUT_OFF_FROM_PEERS -> ", " + way;
            default -> "";
        };
        String last = step.durationMillis() == 0
                ? ""
                : ", " + (step.fault().isFailover() ? "and " : "") + step.durationMillis() + " ms";
        return new Details(directions, bytes, delay, key, holding, random, step.fault() + more + last);
    }
}
