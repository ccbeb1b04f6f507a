package io.distributedmutex;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What the instance that holds a key says of its holder; see {@link DistributedMutex#askHolder}. It is what that instance said, and
 * bounded in length, but may be any text. Immutable.
 *
 * @param owner the name of the thread that holds the key, or of its {@linkplain DistributedMutex#owner owner}; empty if it was
 *     acquired by a future without one
 * @param heldFor for how long it has held the key
 * @param waits what it waits for itself, at most 16; only waits that have lasted for {@link DistributedMutex.Builder#deadlocksAfter}
 */
public record HolderStatus(Optional<String> owner, Duration heldFor, List<Wait> waits) {

    /**
     * Copies the list.
     *
     * @param owner as above
     * @param heldFor as above
     * @param waits as above
     */
    public HolderStatus {
        waits = List.copyOf(waits);
    }

    /**
     * What a holder waits for.
     *
     * @param key the key as its user gave it
     * @param waited for how long it has waited
     */
    public record Wait(String key, Duration waited) {}
}
