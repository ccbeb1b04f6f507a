package io.distributedmutex.verification.broken.cli;

import io.distributedmutex.verification.broken.redis.RedisThatKnowsTheCli;

/** A tool. */
public final class Tool {
    /** The way back. */
    public void use(RedisThatKnowsTheCli redis) {}
}
