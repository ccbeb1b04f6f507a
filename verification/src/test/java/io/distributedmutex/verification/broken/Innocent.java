package io.distributedmutex.verification.broken;

import io.distributedmutex.verification.broken.internal.Engine;
import java.util.List;

/** Uses what is internal where nobody sees it, and is closed. */
public sealed class Innocent {
    private final List<Engine> engines = List.of(new Engine());

    /** How many. */
    public int size() {
        return engines.size();
    }

    /** The only one that may extend it. */
    public static final class InnocentChild extends Innocent {}
}
