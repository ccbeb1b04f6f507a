package io.distributedmutex.testkit.proxy;

import io.distributedmutex.testkit.internal.Loopback;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.function.Predicate;

/**
 * A TCP proxy on the loopback address that stands between clients and a server, and fails on demand. It cuts connections
 * (also at a given byte), refuses them (also for what their clients say first), delays data, holds it back one way or both, or
 * loses it for ever. Without a fault it passes on every byte at once.
 *
 * <pre>{@code
 * try (EmbeddedRedis redis = EmbeddedRedis.start();
 *         FaultyProxy proxy = FaultyProxy.to(redis.port());
 *         DistributedMutex mutex = RedisMutex.connect(proxy.uri())) {
 *     proxy.delay(Direction.TO_CLIENT, Duration.ofMillis(50));
 *     proxy.hold(Direction.TO_CLIENT);       // requests arrive, replies do not
 *     proxy.heal();                          // now they do, late
 *     proxy.cutAfter(Direction.TO_SERVER, 7);
 * }
 * }</pre>
 *
 * <p>A fault is in force when its method returns; it also applies to data that was sent before and has not passed. Faults add
 * up: data that is both held and delayed passes when neither stops it. The proxy keeps at most 64 KiB per connection and
 * direction. Then it reads no more, so that the sender feels the pressure of a slow network. A delay therefore also limits each
 * connection to 64 KiB per delay.
 *
 * <p>Each end sees what the other one does. If one end closes in order, the other end sees that after the last byte; the close
 * is delayed and held like data. A reset is passed on at once. If the server refuses a connection, the client's is reset.
 *
 * <p>One daemon thread does all the work, and sleeps when there is nothing to do. All methods are thread-safe; none but
 * {@link #close} waits, and after that they do nothing.
 */
public final class FaultyProxy implements AutoCloseable {

    /** A way through the proxy. */
    public enum Direction {
        /** From clients to the server: requests. */
        TO_SERVER,
        /** From the server to clients: replies and pushes. */
        TO_CLIENT
    }

    private static final Duration LONGEST_DELAY = Duration.ofMinutes(1);

    private final int serverPort;
    private final ProxyWay toServer = new ProxyWay();
    private final ProxyWay toClient = new ProxyWay();
    private final ProxyLoop loop;

    private FaultyProxy(int serverPort) throws IOException {
        this.serverPort = serverPort;
        this.loop = new ProxyLoop(serverPort, toServer, toClient);
    }

    /**
     * Starts a proxy without faults on a free port of the loopback address. The server need not be there yet: each
     * connection is made to it anew, so it may also be restarted on its port.
     *
     * @param serverPort the server's port on the loopback address, 1 to 65535
     * @return the proxy, listening
     */
    public static FaultyProxy to(int serverPort) {
        if (serverPort < 1 || serverPort > 65_535) {
            throw new IllegalArgumentException("the server's port must be 1 to 65535, not " + serverPort);
        }
        try {
            FaultyProxy proxy = new FaultyProxy(serverPort);
            proxy.loop.start();
            return proxy;
        } catch (IOException e) {
            throw new UncheckedIOException("no proxy to 127.0.0.1:" + serverPort + " could be started", e);
        }
    }

    /**
     * Returns the port it listens on.
     *
     * @return the port
     */
    public int port() {
        return loop.port();
    }

    /**
     * Returns {@code redis://127.0.0.1:port}.
     *
     * @return the URI by which a Redis client reaches the server through this proxy
     */
    public String uri() {
        return "redis://" + Loopback.HOST + ":" + port();
    }

    /**
     * Returns how many connections were accepted so far, without those that were {@linkplain #refuse refused}.
     *
     * @return the number
     */
    public int accepted() {
        return loop.ask(loop::accepted);
    }

    /**
     * Returns how many connections are open, to one end at least.
     *
     * @return the number
     */
    public int connections() {
        return loop.ask(loop::connections);
    }

    /**
     * Returns how many bytes were passed on so far, over all connections.
     *
     * @param direction which way
     * @return the number; what was swallowed or is held back is not in it
     */
    public long passed(Direction direction) {
        return loop.ask(way(direction)::passed);
    }

    /** Resets all connections of now, both ends of each, and loses what they had still to say. Later ones work. */
    public void cut() {
        loop.change(loop::cut);
    }

    /**
     * Refuses connections, or no longer: when it begins, those of now are {@linkplain #cut cut}; while it lasts, new
     * ones are reset as soon as they are made.
     *
     * @param refused whether from now on
     */
    public void refuse(boolean refused) {
        loop.change(() -> loop.refuse(refused));
    }

    /**
     * Refuses connections for what their clients say first, until {@link #heal}: those of now whose clients have said such a
     * thing are reset, both ends of each, and others, also later ones, as soon as their clients have said it. The piece that
     * completes it does not pass; what came before it has passed. A new condition replaces the old one.
     *
     * @param saidFirst the condition. It gets the first bytes from the client as far as they have come, at least 1 and at most
     *     1024, read-only and from position 0; it is asked again when more of them have come. It must not wait, throw, or
     *     call the proxy.
     */
    public void refuseIf(Predicate<ByteBuffer> saidFirst) {
        loop.change(() -> loop.refuseIf(saidFirst));
    }

    /**
     * Delays one direction of all connections, present and later ones: every chunk is passed on so much later than it
     * came, in order. What is waiting already is delayed by the new time, counted from when it came.
     *
     * @param direction which way
     * @param by how long, up to a minute; zero ends it
     */
    public void delay(Direction direction, Duration by) {
        ProxyWay way = way(direction);
        if (by.isNegative() || by.compareTo(LONGEST_DELAY) > 0) {
            throw new IllegalArgumentException(
                    "a delay must be 0 to " + LONGEST_DELAY.toMillis() + " ms, not " + by.toMillis() + " ms");
        }
        loop.change(() -> way.delay(by.toNanos()));
    }

    /**
     * Makes one direction of all connections, present and later ones, a black hole: connections stay open, and can be
     * made, but nothing comes through, until {@link #pass} or {@link #heal}.
     *
     * @param direction which way
     */
    public void hold(Direction direction) {
        ProxyWay way = way(direction);
        loop.change(() -> way.hold(true));
    }

    /**
     * Ends {@link #hold}: what was held arrives now, late and in order, as when packets were lost and are sent again.
     *
     * @param direction which way
     */
    public void pass(Direction direction) {
        ProxyWay way = way(direction);
        loop.change(() -> way.hold(false));
    }

    /**
     * Loses for ever what is said on the connections of now, both ways, from now on, as when something in between has
     * forgotten them. Neither end learns that the other one has closed. Nothing but {@link #cut} ends that;
     * later connections work.
     */
    public void swallow() {
        loop.change(loop::swallow);
    }

    /**
     * Cuts a connection at a byte, once: of what passes in this direction from now on, counted over all connections,
     * exactly so many bytes get through, and the connection that carried the last of them is cut there. The receiver of
     * these bytes sees the connection closed after them, the sender sees it reset. Asked for again before it happened,
     * the new count replaces the old one.
     *
     * @param direction which way
     * @param bytes how many get through; with 0 the next connection that has something to say is cut instead
     */
    public void cutAfter(Direction direction, long bytes) {
        ProxyWay way = way(direction);
        if (bytes < 0) {
            throw new IllegalArgumentException("a connection can be cut after 0 bytes or more, not " + bytes);
        }
        loop.change(() -> way.cutAfter(bytes));
    }

    /**
     * Ends all faults: nothing is refused, delayed, held or going to be cut any more. What was held arrives now, late.
     * What was swallowed stays lost, and the connections that it was said on, too.
     */
    public void heal() {
        loop.change(() -> {
            loop.refuse(false);
            toServer.heal();
            toClient.heal();
        });
    }

    /** Resets all connections, stops listening, and waits for the proxy's thread to end. Idempotent. */
    @Override
    public void close() {
        loop.close();
    }

    /** Returns for instance {@code proxy 127.0.0.1:34567 to port 12345}. */
    @Override
    public String toString() {
        return "proxy " + Loopback.HOST + ":" + port() + " to port " + serverPort;
    }

    private ProxyWay way(Direction direction) {
        return switch (direction) {
            case TO_SERVER -> toServer;
            case TO_CLIENT -> toClient;
        };
    }
}
