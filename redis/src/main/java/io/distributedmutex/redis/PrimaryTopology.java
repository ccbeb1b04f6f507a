package io.distributedmutex.redis;

import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;

/** A deployment in which one server at a time, the primary, has all locks. What differs is how it is found, and found again. */
interface PrimaryTopology extends Topology {

    /** The connections to it. */
    PrimaryConnections primary();

    @Override
    default Sender commands(String key) {
        return primary().commands();
    }

    @Override
    default Sender messages(String channel) {
        return primary().commands();
    }

    @Override
    default List<Sender> servers() {
        return List.of(primary().commands());
    }

    @Override
    default boolean serverHas(String key) {
        return true;
    }

    @Override
    default boolean isSharded() {
        return false;
    }

    @Override
    default ClientName.Names names(String key) {
        return primary().names();
    }

    @Override
    default RedisAsyncCommands<byte[], byte[]> server() {
        return primary().connections().commands().async();
    }

    @Override
    default Optional<String> shardOf(String key) {
        return Optional.empty();
    }

    /** The connection has the locks, too. */
    @Override
    default void started() {}

    @Override
    default Future<Boolean> subscribe(String messages, KeyPrefix prefix, StoreEvents events) {
        return primary().subscribe(messages, prefix, events);
    }

    @Override
    default boolean isSubscribed(String key) {
        return primary().isSubscribed();
    }

    @Override
    default void close() {
        primary().close();
    }
}
