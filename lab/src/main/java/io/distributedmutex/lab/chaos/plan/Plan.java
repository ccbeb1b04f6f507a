package io.distributedmutex.lab.chaos.plan;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Which faults come when. A seed decides all of it. The kinds are dealt like a shuffled deck of cards, the mandatory ones
 * first, so that each comes as often as any other. Between faults it is calm for a moment, and now and then for longer. The
 * first and the last seconds are calm.
 *
 * @param steps the faults in the order in which they begin
 */
public record Plan(List<Step> steps) {

    /**
     * A fault.
     *
     * @param fault which
     * @param startMillis when, from the start of the work
     * @param durationMillis how long; 0 for a moment
     * @param slot whom it meets: the place of a worker, from 1; 0 for all
     * @param seed decides the rest
     */
    public record Step(Fault fault, long startMillis, long durationMillis, int slot, long seed) {

        long endMillis() {
            return startMillis + durationMillis + fault.moreMillis();
        }
    }

    private static final long FIRST_CALM_MILLIS = 4_000;
    private static final long LAST_CALM_MILLIS = 12_000;
    private static final int LEAST_GAP_MILLIS = 300;
    private static final int MOST_GAP_MILLIS = 1_500;
    /** After so many faults it is calm for long enough to look at the order of service. */
    private static final int FAULTS_TO_CALM = 9;

    private static final int CALM_MILLIS = 7_000;
    /** For a restart of Redis or a signal, which take time too. */
    private static final long ALLOWANCE_MILLIS = 400;

    /** Makes the plan of a run. */
    public static Plan of(Settings settings) {
        Random random = new Random(settings.seed());
        long total = settings.duration().toMillis();
        long now = Math.min(FIRST_CALM_MILLIS, total / 8);
        long end = lastMillis(settings);
        Deque<Fault> deck = new ArrayDeque<>(shuffled(Fault.mandatory(settings.topology()), random));
        List<Step> steps = new ArrayList<>();
        while (true) {
            Step step = step(deal(deck, settings, random), now, settings, random);
            if (step.endMillis() > end) {
                break;
            }
            steps.add(step);
            Step companion = random.nextInt(3) > 0 ? null : companion(step, deck, settings, random);
            if (companion != null && companion.endMillis() <= end) {
                steps.add(companion);
                now = Math.max(now, companion.endMillis());
            }
            boolean calm = steps.size() % FAULTS_TO_CALM == 0;
            int gap = calm ? CALM_MILLIS : LEAST_GAP_MILLIS + random.nextInt(MOST_GAP_MILLIS - LEAST_GAP_MILLIS);
            now = Math.max(now, step.endMillis()) + ALLOWANCE_MILLIS + gap;
        }
        return new Plan(List.copyOf(steps));
    }

    /** When the last calm begins, from the start of the work. */
    public static long lastMillis(Settings settings) {
        long total = settings.duration().toMillis();
        return total - Math.min(LAST_CALM_MILLIS, total / 3);
    }

    /** A second fault during the first, of a kind that hits something else. */
    private static @Nullable Step companion(Step step, Deque<Fault> deck, Settings settings, Random random) {
        Fault next = deal(deck, settings, random);
        boolean ofAMoment = step.endMillis() == step.startMillis();
        if (ofAMoment || next.meetsTheSameAs(step.fault())) {
            deck.addFirst(next);
            return null;
        }
        return step(next, step.startMillis() + step.durationMillis() / 3, settings, random);
    }

    private static Fault deal(Deque<Fault> deck, Settings settings, Random random) {
        if (deck.isEmpty()) {
            deck.addAll(shuffled(Fault.of(settings.topology()), random));
        }
        return deck.removeFirst();
    }

    private static Step step(Fault fault, long start, Settings settings, Random random) {
        long duration = fault.mostMillis() == 0
                ? 0
                : fault.leastMillis() + random.nextInt(fault.mostMillis() - fault.leastMillis() + 1);
        boolean all = fault.domain() == Fault.Domain.NETWORK && random.nextInt(4) == 0;
        boolean met = fault.meetsWorkers();
        int slot = all || !met ? 0 : 1 + random.nextInt(settings.workers());
        return new Step(fault, start, duration, slot, random.nextLong());
    }

    private static List<Fault> shuffled(List<Fault> faults, Random random) {
        List<Fault> shuffled = new ArrayList<>(faults);
        Collections.shuffle(shuffled, random);
        return shuffled;
    }
}
