package io.distributedmutex.testkit.internal;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The loopback address, on which all servers and proxies of tests listen, and free ports of it, below the range from which operating systems take the ports of
 * outgoing connections (32768 and up on Linux, 49152 and up elsewhere).
 *
 * <p>A port of that range would be unsafe for a server that is killed and restarted: while it is down, a client that
 * reconnects in a loop is sooner or later given the server's own port as its source port, connects to itself, and the
 * restarted server finds its port taken. Each port is free together with its Cluster bus port, 10 000 above.
 *
 * <p>A port may be taken between the choice and its use; the caller must be ready to choose again.
 */
public final class Loopback {

    /** The address in text form. */
    public static final String HOST = "127.0.0.1";

    private static final int LOWEST = 10_000;
    private static final int HIGHEST = 19_999;
    private static final int BUS_OFFSET = 10_000;
    private static final int MAXIMUM_TRIES = 200;

    private Loopback() {}

    /**
     * Returns the address of a port, without asking a resolver, and of IPv4 whatever the JVM prefers.
     *
     * @param port the port; 0 for any that is free
     * @return the address
     */
    public static InetSocketAddress address(int port) {
        try {
            return new InetSocketAddress(InetAddress.getByAddress(HOST, new byte[] {127, 0, 0, 1}), port);
        } catch (UnknownHostException impossible) {
            throw new AssertionError("four bytes are an address", impossible);
        }
    }

    /**
     * Chooses a port.
     *
     * @return one that was free a moment ago
     * @throws IllegalStateException after 200 random tries
     */
    public static int freePort() {
        for (int tries = 0; tries < MAXIMUM_TRIES; tries++) {
            int port = ThreadLocalRandom.current().nextInt(LOWEST, HIGHEST + 1);
            if (isFree(port) && isFree(port + BUS_OFFSET)) {
                return port;
            }
        }
        throw new IllegalStateException("no free port found on 127.0.0.1 between " + LOWEST + " and " + HIGHEST + " in "
                + MAXIMUM_TRIES + " tries");
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(address(port), 1);
            return true;
        } catch (IOException taken) {
            return false;
        }
    }
}
