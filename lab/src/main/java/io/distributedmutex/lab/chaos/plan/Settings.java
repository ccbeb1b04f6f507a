package io.distributedmutex.lab.chaos.plan;

import java.time.Duration;

/**
 * What the user of {@code dmutex chaos} wants.
 *
 * @param topology what is attacked
 * @param duration how long the workers work
 * @param seed decides faults and workloads
 * @param workers how many processes there are at a time
 * @param keys how many keys they share
 * @param deadlocks whether the workers also wait for each other in circles
 * @param sabotage what is broken on purpose
 */
public record Settings(
        Topology topology, Duration duration, long seed, int workers, int keys, boolean deadlocks, Sabotage sabotage) {}
