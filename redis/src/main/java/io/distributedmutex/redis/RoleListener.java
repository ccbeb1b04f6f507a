package io.distributedmutex.redis;

import java.net.SocketAddress;

/**
 * Hears from a connection for commands what may mean that its server is the primary no more. Called on the client's threads; must
 * not block.
 */
interface RoleListener {

    /**
     * A connection was made anew.
     *
     * @param at the server's address
     */
    void connected(SocketAddress at);

    /** The server refused a write, since it is a replica. */
    void readOnly();

    /** The server has not answered in time, or could not be reached. */
    void silent();

    /** It has not answered for so long that this connection is ended: others to it are likely as dead. */
    default void dead() {}
}
