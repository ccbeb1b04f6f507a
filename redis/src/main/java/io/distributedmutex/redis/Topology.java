package io.distributedmutex.redis;

import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;

/**
 * Which server has a lock, by the lock's slot, and the connections to it: all that differs between deployments. {@link OnePrimary} is
 * told the server; {@link SentinelPrimary} is told by Sentinels, and follows when they choose another; {@link ClusterPrimaries}
 * are several, which tell each other.
 *
 * <p>Thread-safe.
 */
interface Topology {

    /**
     * The connection for the locks of a key's slot. It stays the same one when another server takes over: requests that are on
     * their way then fail, and later ones go to the new server.
     *
     * @param key the user's key, whose slot counts
     * @return where to send requests
     */
    Sender commands(String key);

    /**
     * Where messages to other instances are published.
     *
     * @param channel the channel of the other instance
     * @return where it is subscribed
     */
    Sender messages(String channel);

    /** All servers that have locks, for what looks at each of them. */
    List<? extends Sender> servers();

    /**
     * Whether {@link #server} has the locks of a key's slot.
     *
     * @param key the user's key, whose slot counts
     */
    boolean serverHas(String key);

    /** Whether grants are pushed by channels of slots, as in clusters of Redis 7 and later. */
    boolean isSharded();

    /**
     * The name under which this instance waits for a key.
     *
     * @param key the user's key, whose slot counts
     * @return the name, and the one before
     */
    ClientName.Names names(String key);

    /**
     * What a store asks once, when it starts: of one server, since all have the same version and users.
     *
     * @return the commands of Lettuce
     */
    RedisAsyncCommands<byte[], byte[]> server();

    /**
     * The part of the deployment that has a key, for people.
     *
     * @param key the user's key, whose slot counts
     * @return host and port of its master; empty where there is but one
     */
    Optional<String> shardOf(String key);

    /** The store has started: {@link #server} is not asked any more. */
    void started();

    /**
     * Subscribes to grants and messages, once; from then on the subscription is kept through all reconnects.
     *
     * @param messages the channel on which other instances send messages to this one
     * @param prefix of the store's locks
     * @param events hears of grants
     * @return completes when grants can be received, with whether messages can too; or with what went wrong
     */
    Future<Boolean> subscribe(String messages, KeyPrefix prefix, StoreEvents events);

    /**
     * Whether grants for the locks of a key's slot arrive now; true as long as nobody subscribed.
     *
     * @param key the user's key, whose slot counts
     * @return whether they do
     */
    boolean isSubscribed(String key);

    /**
     * Sets what is called when another server has taken over. With Sentinels that is when it is connected to, before anything else
     * is sent there; in a cluster soon after requests go there.
     *
     * @param moved called on the client's threads; must not block
     * @return whether that can happen
     */
    boolean onMoved(Runnable moved);

    /** Closes the connections within 2 s. Requests on their way, and later ones, fail. */
    void close();
}
