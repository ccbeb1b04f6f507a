package io.distributedmutex;

import io.distributedmutex.spi.Messages;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Owners that wait for each other's keys in a circle, maybe in several processes. Each waits for a key that the next one holds,
 * and the last one for a key of the first. An owner that waits for its own key is a circle of one. Immutable.
 *
 * <p>What it says of other instances is what they said, and bounded in length, but may be any text.
 *
 * @param waits from 1 to 64; the first is the youngest wait of the circle
 * @serial exclude
 */
// Doclint wants comments on the fields of a record's serialized form, which can have none.
@SuppressWarnings("InvalidBlockTag")
public record Deadlock(List<Wait> waits) implements Serializable {

    private static final long serialVersionUID = 1L;

    /**
     * Copies the list.
     *
     * @param waits as above
     * @throws IllegalArgumentException if it is empty
     */
    public Deadlock {
        waits = List.copyOf(waits);
        if (waits.isEmpty()) {
            throw new IllegalArgumentException("a deadlock must have one wait at least, but has none");
        }
    }

    /**
     * One who waits, and how long the next one of the circle has held what it waits for.
     *
     * @param holderLabel the label of its instance
     * @param owner the name of its thread, or what {@link DistributedMutex#owner} called it
     * @param key what it waits for, as its user gave it
     * @param waited for how long it had waited when it was looked at
     * @param held for how long the next one had held the key then
     * @param fencingToken the fencing token of the lease that it waits for
     * @serial exclude
     */
    @SuppressWarnings("InvalidBlockTag")
    public record Wait(String holderLabel, String owner, String key, Duration waited, Duration held, long fencingToken)
            implements Serializable {

        private static final long serialVersionUID = 1L;

        private String who() {
            return Messages.shown(holderLabel) + " (" + Messages.shown(owner) + ")";
        }
    }

    /**
     * What is waited for.
     *
     * @return the key of each wait, in order
     */
    public List<String> keys() {
        return waits.stream().map(Wait::key).toList();
    }

    /** The circle in words, fit for one line of a log. */
    @Override
    public String toString() {
        return IntStream.range(0, waits.size()).mapToObj(this::edge).collect(Collectors.joining("; "));
    }

    private String edge(int index) {
        Wait wait = waits.get(index);
        return wait.who() + " has waited " + Messages.about(wait.waited) + " for '" + Messages.shown(wait.key)
                + "', held by "
                + (waits.size() == 1
                        ? "itself"
                        : waits.get((index + 1) % waits.size()).who()) + " for "
                + Messages.about(wait.held);
    }
}
