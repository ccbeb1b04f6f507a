package io.distributedmutex.redis;

import io.lettuce.core.RedisURI;
import io.lettuce.core.StaticCredentialsProvider;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Parses and describes URIs, without ever showing a password. */
final class RedisUris {

    private static final String EXPECTED = "; expected redis://[[user]:password@]host[:port][/database], rediss://..."
            + " for TLS, redis-sentinel://[password@]host[:port][,host2[:port2]][?sentinelPassword=...]#primary,"
            + " or redis-cluster://[[user]:password@]host[:port][,host2[:port2]] (rediss-cluster:// for TLS)"
            + " (the URI is not shown, as it may hold a password; reserved characters in a password need %-encoding)";

    /** An IPv6 address in brackets, or a name, and what follows the colon behind it. */
    private static final Pattern HOST_AND_PORT = Pattern.compile("(\\[[^]]*]|[^:]*)(?::(.*))?");

    private static final Pattern CLUSTER_SCHEME = Pattern.compile("rediss?-cluster://");

    /** The scheme, the user and password with their @, the hosts, and the rest. */
    private static final Pattern HOSTS = Pattern.compile("(rediss?://)([^/?#]*@)?([^@/?#]*)([/?#].*)?", Pattern.DOTALL);

    /** What can stand in a query that has an @: names, which may have one, and anything without. */
    private static final Pattern PARAMETER =
            Pattern.compile("(?i)(clientName|libraryName|libraryVersion)=.*|[a-z]+=[^@]*");

    private static final Pattern ODD_DATABASE = Pattern.compile("(?i)(^|&)database=(?![0-9]{1,9}(&|$))");

    private static final int HIGHEST_PORT = 65_535;

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
            uri = new URI(withSchemeInLowerCase(text));
        } catch (URISyntaxException e) {
            throw notOne(": " + e.getReason() + " at position " + e.getIndex());
        }
        boolean isSocket = String.valueOf(uri.getScheme()).contains("socket");
        checkPassword(uri, isSocket);
        checkDatabase(uri);
        String authority = uri.getRawAuthority() == null ? "" : uri.getRawAuthority();
        int at = authority.lastIndexOf('@');
        String hosts = authority.substring(at + 1);
        if (!isSocket) {
            for (String host : hosts.split(",", -1)) {
                checkPort(host);
            }
        }
        try {
            RedisURI result = RedisURI.create(uri);
            if (result.getHost() != null) {
                separatePort(result, hosts);
            }
            if (at > 0) {
                setCredentials(result, authority.substring(0, at));
            }
            setSentinelCredentials(result, uri);
            return result;
        } catch (RuntimeException e) {
            // Its message may quote anything that stands in the URI.
            throw notOne("");
        }
    }

    /**
     * Parses a URI of a cluster: {@code redis-cluster://}, or {@code redis://} with several hosts.
     *
     * @param text the URI
     * @return a URI of each node that it names; empty if it is of no cluster
     * @throws IllegalArgumentException as {@link #parse}, or if it names a database
     */
    static List<RedisURI> parseCluster(String text) {
        String lower = withSchemeInLowerCase(text);
        Matcher cluster = CLUSTER_SCHEME.matcher(lower);
        boolean isNamed = cluster.lookingAt();
        String plain = isNamed ? lower.replaceFirst("-cluster", "") : lower;
        Matcher parts = HOSTS.matcher(plain);
        if (!parts.matches() || (!isNamed && parts.group(3).indexOf(',') < 0)) {
            if (isNamed) {
                throw notOne("");
            }
            return List.of();
        }
        String rest = Objects.toString(parts.group(4), "");
        if (rest.contains("#")) {
            throw notOne(": a # names the primary of Sentinels, and a cluster has neither");
        }
        List<RedisURI> nodes = new ArrayList<>();
        for (String host : parts.group(3).split(",", -1)) {
            if (host.isEmpty()) {
                throw notOne(": a host is missing beside a comma");
            }
            String userInfo = parts.group(2) == null ? "" : parts.group(2);
            nodes.add(checkNode(parse(parts.group(1) + userInfo + host + rest)));
        }
        return nodes;
    }

    /**
     * Refuses what cannot be a node of a cluster.
     *
     * @param node the URI
     * @return the same
     * @throws IllegalArgumentException if it names a database other than 0, Sentinels, or a socket
     */
    static RedisURI checkNode(RedisURI node) {
        if (node.getSentinels().isEmpty() && node.getHost() != null) {
            if (node.getDatabase() != 0) {
                throw new IllegalArgumentException(
                        "the URI names database " + node.getDatabase() + " of a Redis Cluster at " + describe(node)
                                + ", which has only 0; leave it out, and use a key prefix to keep locks apart");
            }
            return node;
        }
        throw new IllegalArgumentException("a node of a Redis Cluster has a host and a port, but the URI names "
                + describe(withoutContradiction(node)));
    }

    /**
     * Refuses URIs, made by code, that cannot be nodes of one cluster.
     *
     * @param nodes the URIs
     * @return the same
     * @throws IllegalArgumentException if there are none, or they contradict each other
     */
    static List<RedisURI> checkNodes(List<RedisURI> nodes) {
        if (nodes.isEmpty()) {
            throw new IllegalArgumentException("a Redis Cluster needs one node or more, but none was given");
        }
        RedisURI first = nodes.get(0);
        for (RedisURI node : nodes) {
            checkNode(node);
            if (node.isSsl() != first.isSsl()) {
                throw new IllegalArgumentException(
                        "the nodes of a Redis Cluster are all reached with TLS, or none, but "
                                + describe(first) + " is " + (first.isSsl() ? "with" : "without") + " it and "
                                + describe(node)
                                + " is not so");
            }
        }
        return List.copyOf(nodes);
    }

    /** The nodes that the user has named, as messages call the cluster. */
    static String describeCluster(List<RedisURI> nodes) {
        return nodes.stream().map(RedisUris::describe).collect(Collectors.joining(",", "the Redis Cluster at ", ""));
    }

    /**
     * Refuses a URI, made by code, of which one half would be ignored.
     *
     * @param uri the URI
     * @return the same
     * @throws IllegalArgumentException if it says two things, or half of one
     */
    static RedisURI withoutContradiction(RedisURI uri) {
        String name = uri.getSentinelMasterId();
        boolean isNamed = name != null && !name.isEmpty();
        if (uri.getSentinels().isEmpty()) {
            if (isNamed) {
                throw new IllegalArgumentException("the URI names the primary '" + name
                        + "' of Sentinels, but no Sentinel; add them, or leave the name out");
            }
            return uri;
        }
        String sentinels = uri.getSentinels().stream().map(RedisUris::describe).collect(Collectors.joining(", "));
        if (uri.getHost() != null || uri.getSocket() != null) {
            throw new IllegalArgumentException("the URI names a server, "
                    + (uri.getHost() != null ? uri.getHost() : uri.getSocket()) + ", and Sentinels, " + sentinels
                    + ", which name another; leave one of them out");
        }
        if (!isNamed) {
            throw new IllegalArgumentException("the URI names the Sentinels " + sentinels
                    + ", but does not say by what name they know the primary (setSentinelMasterId)");
        }
        return uri;
    }

    private static IllegalArgumentException notOne(String reason) {
        return new IllegalArgumentException("not a Redis URI" + reason + EXPECTED);
    }

    private static String withSchemeInLowerCase(String text) {
        int colon = text.indexOf(':');
        return colon < 0 ? text : text.substring(0, colon).toLowerCase(Locale.ROOT) + text.substring(colon);
    }

    /**
     * Refuses a password with a raw / ? or #, at which the URI's host would end: a part of it would be taken for the host,
     * and shown.
     */
    private static void checkPassword(URI uri, boolean isSocket) {
        String query = uri.getRawQuery() == null ? "" : uri.getRawQuery();
        boolean odd = query.contains("@")
                && Pattern.compile("&")
                        .splitAsStream(query)
                        .anyMatch(each -> !PARAMETER.matcher(each).matches());
        String rest = (isSocket ? "" : uri.getRawPath()) + uri.getRawFragment();
        if (odd || rest.contains("@")) {
            throw notOne("");
        }
    }

    /** A database that is there has to be one: Lettuce takes the first for one that is no number. */
    private static void checkDatabase(URI uri) {
        String query = uri.getRawQuery() == null ? "" : uri.getRawQuery();
        if (ODD_DATABASE.matcher(query).find()) {
            throw notOne(": the database must be a number");
        }
    }

    /** A port that is there has to be one: Lettuce takes the default for one that is 0 or empty. */
    private static void checkPort(String host) {
        Matcher parts = HOST_AND_PORT.matcher(host);
        String port = parts.matches() ? parts.group(2) : null;
        if (port == null) {
            return;
        }
        if (port.isEmpty()) {
            throw notOne(": no port follows the colon behind the host");
        }
        if (portOf(port) == null) {
            // Only a 0 is shown: without an @, what stands here may be a password.
            throw notOne(": the port must be a number from 1 to " + HIGHEST_PORT
                    + (port.matches("0+") ? ", but is " + port : ""));
        }
    }

    private static @Nullable Integer portOf(String text) {
        if (!text.matches("[0-9]{1,9}")) {
            return null;
        }
        int port = Integer.parseInt(text);
        return port < 1 || port > HIGHEST_PORT ? null : port;
    }

    /**
     * Separates the port where Lettuce takes it for a part of the host: a host name with an underscore, which Docker's
     * may have, is none by the rules of {@link URI}.
     */
    private static void separatePort(RedisURI uri, String host) {
        Matcher parts = HOST_AND_PORT.matcher(host);
        if (parts.matches() && parts.group(2) != null && !parts.group(1).startsWith("[")) {
            if (parts.group(1).isEmpty()) {
                throw notOne("");
            }
            uri.setHost(parts.group(1));
            uri.setPort(Integer.parseInt(parts.group(2)));
        }
    }

    /** Lettuce decodes before it looks for the colon between user and password, which then may be one in the password. */
    private static void setCredentials(RedisURI uri, String userInfo) {
        int colon = userInfo.indexOf(':');
        String user = colon < 0 ? "" : decoded(userInfo.substring(0, colon));
        String password = decoded(userInfo.substring(colon + 1));
        if (!user.isEmpty() || !password.isEmpty()) {
            uri.setCredentialsProvider(
                    new StaticCredentialsProvider(user.isEmpty() ? null : user, password.toCharArray()));
        }
    }

    /** Lettuce has no parameters for these. */
    private static void setSentinelCredentials(RedisURI result, URI uri) {
        String user = parameter(uri, "sentinelUser");
        String password = parameter(uri, "sentinelPassword");
        if (user == null && password == null) {
            return;
        }
        if (password == null || password.isEmpty() || result.getSentinels().isEmpty()) {
            throw new IllegalArgumentException("half of the credentials of Sentinels, or no Sentinels");
        }
        for (RedisURI sentinel : result.getSentinels()) {
            sentinel.setCredentialsProvider(new StaticCredentialsProvider(user, password.toCharArray()));
        }
    }

    private static @Nullable String parameter(URI uri, String name) {
        String query = uri.getRawQuery() == null ? "" : uri.getRawQuery();
        return Pattern.compile("&")
                .splitAsStream(query)
                .filter(each -> each.regionMatches(true, 0, name + "=", 0, name.length() + 1))
                .map(each -> decoded(each.substring(name.length() + 1)))
                .findFirst()
                .orElse(null);
    }

    private static String decoded(String text) {
        // A plus is a plus here, not a blank.
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
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
