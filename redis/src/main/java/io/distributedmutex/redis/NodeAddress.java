package io.distributedmutex.redis;

/**
 * Where a node of a cluster is.
 *
 * @param host its address or name
 * @param port its port
 */
record NodeAddress(String host, int port) {

    static final int HIGHEST_PORT = 65_535;

    @Override
    public String toString() {
        return host.indexOf(':') < 0 ? host + ":" + port : "[" + host + "]:" + port;
    }
}
