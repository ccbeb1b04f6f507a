package io.distributedmutex.verification.broken.redis;

import io.distributedmutex.verification.broken.cli.Tool;

/** One half of a cycle. */
public final class RedisThatKnowsTheCli {
    /** The way there. */
    public void use(Tool tool) {}
}
