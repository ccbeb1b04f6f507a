package io.distributedmutex.redis;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.CommandListenerWriter;
import io.lettuce.core.MaintNotificationsConfig;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisChannelWriter;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.failover.MultiDbClient;
import io.lettuce.core.protocol.CommandExpiryWriter;
import io.lettuce.core.protocol.DefaultEndpoint;
import io.lettuce.core.resource.KqueueProvider;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.reflect.Method;
import java.net.Socket;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The differences between the versions of Lettuce that an application or its framework may bring: from 6.6, on Netty 4.1, to
 * 7, on Netty 4.2. We compile against the newest and use what the oldest has too. What only newer versions have is named here
 * and nowhere else, in classes of their own, which are loaded only with such a version.
 */
final class Lettuce {

    /** The oldest that is supported, and that tests run against (profile {@code deep}). */
    private static final int OLDEST_MAJOR = 6;

    private static final int OLDEST_MINOR = 6;

    private static final Pattern VERSION = Pattern.compile("(\\d{1,4})\\.(\\d{1,4})\\b.*");

    private Lettuce() {}

    /**
     * Refuses a Lettuce that is too old. One that does not say how old it is, since somebody packed it anew, is taken as
     * it is.
     *
     * @throws IllegalStateException if it is too old
     */
    static void checkVersion() {
        checkVersion(version());
    }

    static void checkVersion(@Nullable String version) {
        Matcher numbers = VERSION.matcher(version == null ? "" : version);
        if (!numbers.matches()) {
            return;
        }
        int major = Integer.parseInt(numbers.group(1));
        int minor = Integer.parseInt(numbers.group(2));
        if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)) {
            throw new IllegalStateException("Lettuce " + version + " is on the class path, but " + OLDEST_MAJOR + "."
                    + OLDEST_MINOR + " or later is needed; raise the version of io.lettuce:lettuce-core");
        }
    }

    /**
     * Refuses Lettuce's {@code MultiDbClient}, which goes to another database when one is ill: there the locks are not. It is
     * a {@code RedisClient} also, by its class though not by its type.
     *
     * @param client the application's client
     * @return the same
     * @throws IllegalArgumentException if it is such a one
     */
    static RedisClient checkClient(RedisClient client) {
        if (isThere("io.lettuce.core.failover.MultiDbClient") && WithFailover.isOne(client)) {
            throw new IllegalArgumentException(
                    "a MultiDbClient cannot serve locks: it moves to another database when one"
                            + " is ill, and the locks stay behind; give a RedisClient of one of the databases, or Sentinels,"
                            + " or a cluster");
        }
        return client;
    }

    /**
     * The URI with which a cluster client was created; of several, the first.
     *
     * <p>It has the credentials, the TLS and the client's name, and no public method tells them: the nodes that a client has
     * found ({@code getPartitions}) are told without a password (in Lettuce 7.7, so connecting to one is refused with NOAUTH).
     * The method that is called here is protected, that is, meant for subclasses.
     *
     * @param client the application's client
     * @return its URI
     * @throws IllegalStateException if there is no such method (any more), or it tells nothing; says what to do instead
     */
    static RedisURI uriOf(RedisClusterClient client) {
        Object told;
        try {
            Method firstUri = RedisClusterClient.class.getDeclaredMethod("getFirstUri");
            firstUri.setAccessible(true);
            told = firstUri.invoke(client);
        } catch (ReflectiveOperationException | RuntimeException e) {
            throw secretive(e);
        }
        if (told instanceof RedisURI uri) {
            return uri;
        }
        throw secretive(null);
    }

    private static IllegalStateException secretive(@Nullable Exception cause) {
        return new IllegalStateException(
                "this RedisClusterClient does not tell its URI; give the URIs of some nodes instead (nodes)", cause);
    }

    /**
     * What it means that a class or a method is missing: Lettuce stands beside a Netty that it was not made for.
     *
     * @param error what is missing
     * @return what to tell the application
     */
    static IllegalStateException doesNotFit(LinkageError error) {
        String version = version();
        return new IllegalStateException(
                "Lettuce" + (version == null ? "" : " " + version) + " does not go with the Netty on the class path"
                        + " (Lettuce 6 needs Netty 4.1, Lettuce 7 needs Netty 4.2): " + error,
                error);
    }

    /** A jar says its version in its manifest, or on the module path in its name. */
    private static @Nullable String version() {
        String version = RedisClient.class.getPackage().getSpecificationVersion();
        ModuleDescriptor module = RedisClient.class.getModule().getDescriptor();
        return version == null && module != null ? module.rawVersion().orElse(null) : version;
    }

    /**
     * Turns off what Lettuce does by default from 7.0 on: asking each server to announce its maintenance, as only Redis
     * Enterprise does, and waiting longer meanwhile.
     */
    static ClientOptions.Builder withoutMaintenanceNotifications(ClientOptions.Builder options) {
        return isThere("io.lettuce.core.MaintNotificationsConfig") ? Since7.turnOff(options) : options;
    }

    /**
     * Probes a connection on which nothing moves: after 5 s, every 3 s, and gives it up after 3 probes, 14 s in all; at
     * times of the system's where it cannot be told.
     */
    static SocketOptions.Builder withKeepAlive(SocketOptions.Builder options) {
        if (!canSetProbeTimes()) {
            return options.keepAlive(true);
        }
        return options.keepAlive(SocketOptions.KeepAliveOptions.builder()
                .enable()
                .idle(Duration.ofSeconds(5))
                .interval(Duration.ofSeconds(3))
                .count(3)
                .build());
    }

    /** What writes to a connection, behind what a client's options put before it: time-outs, listeners. */
    static @Nullable DefaultEndpoint endpoint(StatefulConnection<?, ?> connection) {
        RedisChannelWriter writer =
                connection instanceof RedisChannelHandler<?, ?> handler ? handler.getChannelWriter() : null;
        while (true) {
            if (writer instanceof CommandExpiryWriter wrapper) {
                writer = wrapper.getDelegate();
            } else if (writer instanceof CommandListenerWriter wrapper) {
                writer = wrapper.getDelegate();
            } else {
                return writer instanceof DefaultEndpoint endpoint ? endpoint : null;
            }
        }
    }

    /** From 7.5 on Lettuce does not connect at all if probe times are set in vain, as on macOS with Netty's native part. */
    private static boolean canSetProbeTimes() {
        if (KqueueProvider.isAvailable()) {
            return false;
        }
        try (Socket socket = new Socket()) {
            return socket.supportedOptions().stream()
                    .anyMatch(option -> option.name().equals("TCP_KEEPIDLE"));
        } catch (IOException e) {
            return false; // In closing what was never open.
        }
    }

    private static boolean isThere(String className) {
        try {
            Class.forName(className, false, Lettuce.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    private static final class WithFailover {

        static boolean isOne(RedisClient client) {
            return client instanceof MultiDbClient;
        }
    }

    private static final class Since7 {

        static ClientOptions.Builder turnOff(ClientOptions.Builder options) {
            return options.maintNotificationsConfig(MaintNotificationsConfig.disabled());
        }
    }
}
