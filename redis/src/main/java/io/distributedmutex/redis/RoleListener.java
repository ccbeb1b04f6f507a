package io.distributedmutex.redis;

/**
 * Hears from a connection for commands what may mean that its server is the primary no more. Called on the client's threads; must
 * not block.
 */
interface RoleListener {

    /** A connection was made anew. */
    void connected();

    /** The server refused a write, since it is a replica. */
    void readOnly();

    /** The server has not answered in time, or could not be reached. */
    void silent();
}
