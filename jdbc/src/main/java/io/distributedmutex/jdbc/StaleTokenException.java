package io.distributedmutex.jdbc;

import io.distributedmutex.spi.Messages;

/**
 * A resource has seen a greater fencing token than the one that came: somebody else has got the lease since, and has written.
 * Roll the transaction back and stop; to repeat the work, acquire a new lease. Unchecked, so that Spring and others roll back.
 */
public final class StaleTokenException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** The resource's name. */
    private final String resource;

    /** What came. */
    private final long token;

    /** What the resource has seen. */
    private final long seenToken;

    StaleTokenException(String resource, long token, long seenToken) {
        super("the fencing token " + token + " for '" + Messages.shown(resource) + "' is stale: " + seenToken
                + " has been seen, so another holder has got the lease since; roll back and stop");
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
