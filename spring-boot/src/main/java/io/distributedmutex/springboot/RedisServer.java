package io.distributedmutex.springboot;

import io.distributedmutex.redis.RedisMutex;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A Redis that Boot knows.
 *
 * @param uri where it is; of a cluster, its first node
 * @param nodes of a cluster; empty if it is none
 * @param ssl how to speak TLS with it; null for the JDK's defaults if the URI says TLS
 * @param setBy the properties that say where it is, for people
 */
record RedisServer(
        RedisURI uri, List<RedisURI> nodes, @Nullable SslOptions ssl, String setBy) {

    private static final String BY_DEFAULT = "redis://localhost:6379";

    /**
     * Gives the builder the server to connect to: our own URI goes before Boot's connection, and that before localhost.
     *
     * @param properties our properties
     * @param boot Boot's connection; null if there is none
     * @param builder receives it
     * @return the properties that say where it is, for people
     * @throws MutexStartException if what was chosen cannot be used
     */
    static String choose(
            DistributedMutexProperties.Redis properties, @Nullable RedisSource boot, RedisMutex.Builder builder) {
        if (properties.uri() == null && boot != null) {
            RedisServer server = boot.server();
            server.giveTo(builder);
            return server.setBy;
        }
        try {
            builder.uri(properties.uri() == null ? BY_DEFAULT : properties.uri());
        } catch (IllegalArgumentException e) {
            // Not Boot's exception for a wrong value: its analyzer shows the value, which may hold a password.
            throw new MutexStartException(
                    DistributedMutexProperties.URI + " is " + e.getMessage(),
                    "Correct " + DistributedMutexProperties.URI + ".",
                    e);
        }
        return DistributedMutexProperties.URI;
    }

    /** Makes the builder connect here. */
    void giveTo(RedisMutex.Builder builder) {
        if (nodes.isEmpty()) {
            builder.uri(uri);
        } else {
            builder.nodes(nodes);
        }
        if (ssl != null) {
            builder.sslOptions(ssl);
        }
    }
}
