package io.distributedmutex.redis;

import io.distributedmutex.spi.StoreEvents;
import java.time.Duration;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** The two connections to the one server that has all locks, and what is done on them. */
final class PrimaryConnections {

    private final Connections connections;
    private final CommandConnection commands;
    private final Duration timeout;
    private final ClientName client = new ClientName();

    /** What receives grants; null until somebody subscribes. */
    private volatile @Nullable GrantSubscription subscription;

    /**
     * Wraps the connections.
     *
     * @param connections where to
     * @param errors says what went wrong
     * @param timeout how long a command may take
     * @param roles hears what the connection for commands notices
     */
    PrimaryConnections(Connections connections, RedisErrors errors, Duration timeout, RoleListener roles) {
        this.connections = connections;
        this.timeout = timeout;
        this.commands = new CommandConnection(connections, errors, timeout, roles);
    }

    CommandConnection commands() {
        return commands;
    }

    Connections connections() {
        return connections;
    }

    Future<Boolean> subscribe(String messages, KeyPrefix prefix, StoreEvents events) {
        GrantSubscription started =
                new GrantSubscription(connections, commands, timeout.toNanos(), client, messages, prefix, events);
        commands.onReconnect(started::commandsReconnected);
        subscription = started;
        return started.start();
    }

    ClientName.Names names() {
        return client.names();
    }

    boolean isSubscribed() {
        GrantSubscription pushes = subscription;
        return pushes == null || pushes.isSubscribed();
    }

    void close() {
        GrantSubscription pushes = subscription;
        if (pushes != null) {
            pushes.close();
        }
        try {
            commands.close();
        } finally {
            connections.close();
        }
    }
}
