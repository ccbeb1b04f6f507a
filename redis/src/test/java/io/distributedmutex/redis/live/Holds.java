package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** When a key was held, told by its holders. Thread-safe; what is told of all of them is for when they have ended. */
public final class Holds {

    private record Hold(long fence, long granted, long end) {}

    private final Queue<Hold> holds = new ConcurrentLinkedQueue<>();

    /** Somebody has held it from then until now. */
    public void add(long fence, long grantedNanos) {
        holds.add(new Hold(fence, grantedNanos, System.nanoTime()));
    }

    public int count() {
        return holds.size();
    }

    private List<Hold> inOrder() {
        List<Hold> inOrder = new ArrayList<>(holds);
        inOrder.sort(Comparator.comparingLong(Hold::granted));
        return inOrder;
    }

    /** The longest time in which two held it. */
    public long overlapMillis() {
        long overlap = 0;
        long end = Long.MIN_VALUE;
        for (Hold hold : inOrder()) {
            if (end != Long.MIN_VALUE) {
                overlap = Math.max(overlap, Math.min(end, hold.end()) - hold.granted());
            }
            end = Math.max(end, hold.end());
        }
        return overlap / 1_000_000;
    }

    /** The longest time in which nobody held it. */
    public long longestGapMillis() {
        long longest = 0;
        List<Hold> inOrder = inOrder();
        for (int i = 1; i < inOrder.size(); i++) {
            longest = Math.max(
                    longest, inOrder.get(i).granted() - inOrder.get(i - 1).end());
        }
        return longest / 1_000_000;
    }

    /** From then until the first that was granted after. */
    public long servedAgainMillis(long nanos) {
        return inOrder().stream()
                .filter(hold -> hold.granted() > nanos)
                .findFirst()
                .map(hold -> (hold.granted() - nanos) / 1_000_000)
                .orElseThrow();
    }

    public int countSince(long nanos) {
        return (int) holds.stream().filter(hold -> hold.granted() > nanos).count();
    }

    /** Each holder had a greater fencing token than the one before. */
    public void assertTokensRise() {
        long fence = 0;
        for (Hold hold : inOrder()) {
            assertThat(hold.fence()).isGreaterThan(fence);
            fence = hold.fence();
        }
    }

    @Override
    public String toString() {
        return count() + " holds, longest overlap " + overlapMillis() + " ms, longest gap " + longestGapMillis()
                + " ms";
    }
}
