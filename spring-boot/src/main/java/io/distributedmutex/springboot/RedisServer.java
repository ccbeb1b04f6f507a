package io.distributedmutex.springboot;

import io.distributedmutex.redis.RedisMutex;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The Redis that the mutex connects to.
 *
 * @param uri where it is
 * @param ssl how to speak TLS with it; null for the JDK's defaults if the URI says TLS
 * @param setBy the properties that say where it is, for people
 */
record RedisServer(RedisURI uri, @Nullable SslOptions ssl, String setBy) {

    private static final String BY_DEFAULT = "redis://localhost:6379";

    /**
     * Gives the builder the server: our own URI goes before Boot's connection, and that before localhost.
     *
     * @param properties our properties
     * @param boot Boot's connection; null if there is none
     * @param builder receives it
     * @return the server
     * @throws MutexStartException if what was chosen cannot be used
     */
    static RedisServer choose(
            DistributedMutexProperties.Redis properties, @Nullable RedisSource boot, RedisMutex.Builder builder) {
        if (properties.uri() == null && boot != null) {
            RedisServer server = boot.server();
            builder.uri(server.uri);
            if (server.ssl != null) {
                builder.sslOptions(server.ssl);
            }
            return server;
        }
        String uri = properties.uri() == null ? BY_DEFAULT : properties.uri();
        try {
            builder.uri(uri);
        } catch (IllegalArgumentException e) {
            // Not Boot's exception for a wrong value: its analyzer shows the value, which may hold a password.
            throw new MutexStartException(
                    DistributedMutexProperties.URI + " is " + e.getMessage(),
                    "Correct " + DistributedMutexProperties.URI + ".",
                    e);
        }
        return new RedisServer(RedisURI.create(withSchemeInLowerCase(uri)), null, DistributedMutexProperties.URI);
    }

    /** What the builder takes and Lettuce does not. */
    private static String withSchemeInLowerCase(String uri) {
        int colon = uri.indexOf(':');
        return uri.substring(0, colon).toLowerCase(Locale.ROOT) + uri.substring(colon);
    }

    /** Where it is, for people; without credentials. */
    String place() {
        if (uri.getSentinels().isEmpty()) {
            return uri.getSocket() == null ? place(uri) : uri.getSocket();
        }
        return uri.getSentinelMasterId()
                + " behind the Sentinels "
                + uri.getSentinels().stream().map(RedisServer::place).collect(Collectors.joining(", "));
    }

    private static String place(RedisURI node) {
        return node.getHost() + ":" + node.getPort();
    }
}
