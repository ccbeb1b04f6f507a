package io.distributedmutex.springboot;

import io.lettuce.core.RedisURI;
import io.lettuce.core.SslOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.ssl.SslBundle;
import org.springframework.util.StringUtils;

/** The Redis that Boot's own connections go to: by properties, a service connection or Docker Compose. */
final class BootConnection implements RedisSource {

    private static final String SET_BY = "spring.data.redis or a service connection";

    private static final String ACTION = "Set " + DistributedMutexProperties.URI
            + " to a single Redis, one behind Sentinels, or a cluster, for the locks alone: it goes before " + SET_BY
            + ".";

    private final DataRedisConnectionDetails details;

    BootConnection(DataRedisConnectionDetails details) {
        this.details = details;
    }

    @Override
    public RedisServer server() {
        List<RedisURI> nodes = nodes();
        RedisURI uri = nodes.isEmpty() ? uri() : nodes.get(0);
        SslBundle bundle = details.getSslBundle();
        if (bundle == null) {
            return new RedisServer(uri, nodes, null, SET_BY);
        }
        uri.setSsl(true);
        uri.getSentinels().forEach(sentinel -> sentinel.setSsl(true));
        nodes.forEach(node -> node.setSsl(true));
        return new RedisServer(uri, nodes, sslOptions(bundle, details::getSslBundle), SET_BY);
    }

    /** The nodes of a cluster; empty if it is none. Sentinels go before it, as with Boot. */
    private List<RedisURI> nodes() {
        DataRedisConnectionDetails.Cluster cluster = details.getCluster();
        if (cluster == null || details.getSentinel() != null) {
            return List.of();
        }
        List<RedisURI> nodes = new ArrayList<>();
        for (DataRedisConnectionDetails.Node node : cluster.getNodes()) {
            RedisURI.Builder one = RedisURI.builder().withHost(node.host()).withPort(node.port());
            nodes.add(authenticated(one, details.getUsername(), details.getPassword())
                    .build());
        }
        if (nodes.isEmpty()) {
            throw new MutexStartException("The connection details of Redis name a cluster without nodes", ACTION);
        }
        return nodes;
    }

    /** Looks for one kind after the other in Boot's own order. */
    private RedisURI uri() {
        DataRedisConnectionDetails.Sentinel sentinel = details.getSentinel();
        if (sentinel != null) {
            return behind(sentinel);
        }
        DataRedisConnectionDetails.MasterReplica masterReplica = details.getMasterReplica();
        if (masterReplica != null) {
            throw new MutexStartException(
                    "Locks need to know which Redis is the primary, but " + SET_BY
                            + " names nodes without saying which: " + masterReplica.getNodes(),
                    ACTION);
        }
        DataRedisConnectionDetails.Standalone standalone = details.getStandalone();
        if (standalone == null) {
            throw new MutexStartException("The connection details of Redis name no server: " + details, ACTION);
        }
        RedisURI.Builder uri = RedisURI.builder()
                .withHost(standalone.getHost())
                .withPort(standalone.getPort())
                .withDatabase(standalone.getDatabase());
        return authenticated(uri, details.getUsername(), details.getPassword()).build();
    }

    private RedisURI behind(DataRedisConnectionDetails.Sentinel sentinel) {
        RedisURI.Builder uri =
                RedisURI.builder().withSentinelMasterId(sentinel.getMaster()).withDatabase(sentinel.getDatabase());
        for (DataRedisConnectionDetails.Node node : sentinel.getNodes()) {
            RedisURI.Builder one = RedisURI.builder().withHost(node.host()).withPort(node.port());
            uri.withSentinel(authenticated(one, sentinel.getUsername(), sentinel.getPassword())
                    .build());
        }
        return authenticated(uri, details.getUsername(), details.getPassword()).build();
    }

    private static RedisURI.Builder authenticated(
            RedisURI.Builder uri, @Nullable String username, @Nullable String password) {
        if (!StringUtils.hasLength(password)) {
            return uri;
        }
        return StringUtils.hasLength(username)
                ? uri.withAuthentication(username, password)
                : uri.withPassword((CharSequence) password);
    }

    /** Asks for keys and trust at each connection, so that a bundle that was reloaded is used from the next one on. */
    private static SslOptions sslOptions(SslBundle atStart, Supplier<@Nullable SslBundle> now) {
        SslOptions.Builder options = SslOptions.builder().sslContext(context -> {
            SslBundle bundle = now.get();
            SslBundle current = bundle == null ? atStart : bundle;
            context.keyManager(current.getManagers().getKeyManagerFactory())
                    .trustManager(current.getManagers().getTrustManagerFactory());
        });
        String[] ciphers = atStart.getOptions().getCiphers();
        if (ciphers != null) {
            options.cipherSuites(ciphers);
        }
        String[] protocols = atStart.getOptions().getEnabledProtocols();
        if (protocols != null) {
            options.protocols(protocols);
        }
        return options.build();
    }
}
