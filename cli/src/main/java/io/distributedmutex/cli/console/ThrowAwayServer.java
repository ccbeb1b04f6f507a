package io.distributedmutex.cli.console;

import java.util.Optional;
import java.util.ServiceLoader;

/**
 * Starts a Redis server for one command alone: {@code --embedded}. The tool itself carries no server; the {@code ./dmutex} of a
 * checkout does, and provides this as a service.
 */
public interface ThrowAwayServer {

    /**
     * Starts a server.
     *
     * @return the server, ready for connections
     * @throws io.distributedmutex.StoreUnreachableException if it does not start
     */
    Running start();

    /** A server that runs. Its text says what it is. */
    interface Running extends AutoCloseable {

        /**
         * Returns where it is.
         *
         * @return its URI, without a password
         */
        String uri();

        /**
         * Returns whether it still runs.
         *
         * @return false once it has ended
         */
        boolean isAlive();

        /** Ends it. */
        @Override
        void close();
    }

    /**
     * Looks for what can start one.
     *
     * @return empty if this tool carries no server
     */
    static Optional<ThrowAwayServer> find() {
        return ServiceLoader.load(ThrowAwayServer.class, ThrowAwayServer.class.getClassLoader())
                .findFirst();
    }
}
