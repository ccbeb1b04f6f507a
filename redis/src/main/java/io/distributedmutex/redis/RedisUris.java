package io.distributedmutex.redis;

import io.lettuce.core.RedisURI;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.stream.Collectors;

/** Reads URIs, and speaks of them, without ever showing a password. */
final class RedisUris {

    private static final String EXPECTED = "; expected redis://[[user]:password@]host[:port][/database], rediss://..."
            + " for TLS, or redis-sentinel://[password@]host[:port][,host2[:port2]]#primary"
            + " (the URI is not shown, as it may hold a password; reserved characters in a password need %-encoding)";

    private RedisUris() {}

    /**
     * Parses a URI.
     *
     * @param text the URI
     * @return the parsed URI
     * @throws IllegalArgumentException if it is not one; neither message nor causes hold any part of it
     */
    static RedisURI parse(String text) {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(
                    "not a Redis URI: " + e.getReason() + " at position " + e.getIndex() + EXPECTED);
        }
        try {
            checkPassword(uri);
            return withPort(RedisURI.create(uri));
        } catch (RuntimeException e) {
            // Its message may quote anything that stands in the URI.
            throw new IllegalArgumentException("not a Redis URI" + EXPECTED);
        }
    }

    /**
     * Refuses a password with a raw / ? or #, at which the URI's host would end: a part of it would be taken for the host,
     * and shown.
     */
    private static void checkPassword(URI uri) {
        boolean isSocket = String.valueOf(uri.getScheme()).contains("socket");
        String rest = (isSocket ? "" : uri.getRawPath()) + uri.getRawQuery() + uri.getRawFragment();
        if (rest.contains("@")) {
            throw new IllegalArgumentException("a password with reserved characters");
        }
    }

    /**
     * Separates the port where Lettuce takes it for a part of the host: a host name with an underscore, which Docker's
     * may have, is none by the rules of {@link URI}.
     */
    private static RedisURI withPort(RedisURI uri) {
        String host = uri.getHost();
        int colon = host == null || host.startsWith("[") ? -1 : host.indexOf(':');
        if (colon >= 0) {
            int port = Integer.parseInt(host, colon + 1, host.length(), 10);
            if (colon == 0 || port < 1 || port > 65_535) {
                throw new IllegalArgumentException("no host and port");
            }
            uri.setHost(host.substring(0, colon));
            uri.setPort(port);
        }
        return uri;
    }

    /** The server as messages call it: host and port, socket, or Sentinels. */
    static String describe(RedisURI uri) {
        if (!uri.getSentinels().isEmpty()) {
            return uri.getSentinels().stream()
                    .map(RedisUris::describe)
                    .collect(Collectors.joining(",", "'" + uri.getSentinelMasterId() + "' of the Sentinels ", ""));
        }
        return uri.getSocket() != null ? uri.getSocket() : uri.getHost() + ":" + uri.getPort();
    }
}
