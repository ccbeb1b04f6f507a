package io.distributedmutex;

import io.distributedmutex.spi.Messages;

/**
 * A resource has seen a greater fencing token than the one that came: somebody else has got the lease since, and has written.
 * Stop, and undo what belongs to this write; to repeat the work, acquire a new lease. Thrown by what receives fencing tokens, not
 * by a {@link DistributedMutex}.
 */
public final class StaleTokenException extends LockException {

    private static final long serialVersionUID = 1L;

    /** The resource's name. */
    private final String resource;

    /** What came. */
    private final long token;

    /** What the resource has seen. */
    private final long seenToken;

    /**
     * For what receives fencing tokens.
     *
     * @param resource the name of what is guarded
     * @param token the fencing token that came
     * @param seenToken the greater one that had been seen
     */
    public StaleTokenException(String resource, long token, long seenToken) {
        super(
                "the fencing token " + token + " for '" + Messages.shown(resource) + "' is stale: " + seenToken
                        + " has been seen, so another holder has got the lease since; stop, and undo this write",
                null);
        this.resource = resource;
        this.token = token;
        this.seenToken = seenToken;
    }

    /**
     * The resource that refused.
     *
     * @return its name
     */
    public String resource() {
        return resource;
    }

    /**
     * The token that was refused.
     *
     * @return the smaller one
     */
    public long token() {
        return token;
    }

    /**
     * The token that the resource had seen.
     *
     * @return the greater one
     */
    public long seenToken() {
        return seenToken;
    }
}
