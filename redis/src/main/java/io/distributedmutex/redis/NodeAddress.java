package io.distributedmutex.redis;

import org.jspecify.annotations.Nullable;

/**
 * Where a node of a cluster is.
 *
 * @param host its address or name
 * @param port its port
 */
record NodeAddress(String host, int port) {

    private static final int HIGHEST_PORT = 65_535;

    /** What a node says for a host that it does not know; some say nothing. */
    private static final String UNKNOWN_HOST = "?";

    /**
     * The address that a node has told.
     *
     * @param host the host; empty or {@code ?} for the one at which the node itself is reached
     * @param port the port
     * @param from the node that has told it
     * @return the address; null if that is no port
     */
    static @Nullable NodeAddress told(String host, long port, NodeAddress from) {
        if (port < 1 || port > HIGHEST_PORT) {
            return null;
        }
        return new NodeAddress(host.isEmpty() || host.equals(UNKNOWN_HOST) ? from.host() : host, (int) port);
    }

    @Override
    public String toString() {
        return host.indexOf(':') < 0 ? host + ":" + port : "[" + host + "]:" + port;
    }
}
