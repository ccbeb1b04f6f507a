package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.lettuce.core.RedisURI;
import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.resolver.InetNameResolver;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Promise;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** A name with several addresses, of which one has a server. */
@EnabledOnOs(OS.LINUX) // Elsewhere only 127.0.0.1 is there.
class ConnectionsTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final long BOUND_NANOS = Duration.ofSeconds(20).toNanos();

    @Test
    void theOneThatAnswersIsFoundAndFoundAgain() throws IOException {
        try (Server server = new Server("127.0.0.3")) {
            RedisURI uri = RedisURI.create("redis://name:" + server.port());
            OwnClient own = new OwnClient(
                    uri, null, TIMEOUT, Duration.ofMinutes(1), new Names("127.0.0.2", "127.0.0.3", "127.0.0.4"));
            Connections connections = Connections.open(own, new RedisErrors(uri, 2000), ConnectLimits.of(TIMEOUT));
            try {
                assertThat(connections.commands().isOpen()).isTrue();
                assertThat(connections.pushes().isOpen()).isTrue();

                int before = server.accepted();
                server.cut();

                awaitReconnected(connections, server, before + 2);
            } finally {
                connections.close();
            }
        }
    }

    @Test
    void whereNoneAnswersTheErrorSaysSo() {
        RedisURI uri = RedisURI.create("redis://name:1");
        Names names = new Names("127.0.0.2", "127.0.0.3");
        OwnClient own = new OwnClient(uri, null, TIMEOUT, Duration.ofMinutes(1), names);
        try {
            assertThatThrownBy(() ->
                            Connections.open(own, new RedisErrors(uri, 2000), ConnectLimits.of(Duration.ofSeconds(20))))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("could not connect to Redis at name:1: ConnectException: Connection refused");
            assertThat(names.asked)
                    .as("each of two connections tried each of two addresses")
                    .hasValue(4);
        } finally {
            own.close();
        }
    }

    /** As it seems to a process that loads its classes for longer than a handshake may last. */
    @Test
    void aServerThatIsSilentAtFirstIsTriedAgain() throws IOException {
        try (Server server = new Server("127.0.0.1")) {
            server.silentTo(1, 2);
            RedisURI uri = RedisURI.create("redis://127.0.0.1:" + server.port());

            Connections connections = Connections.open(
                    new OwnClient(uri, null, TIMEOUT), new RedisErrors(uri, 2000), ConnectLimits.of(TIMEOUT));
            try {
                assertThat(connections.commands().isOpen()).isTrue();
                assertThat(connections.pushes().isOpen()).isTrue();
                Await.until(
                        "the one that was answered before the other one was not is closed, too",
                        () -> server.left() == server.accepted() - 2);
            } finally {
                connections.close();
            }
        }
    }

    /** Of two addresses one is silent at first, and nobody is at the other. */
    @Test
    void anAddressWhereNobodyIsDoesNotHideASilentOne() throws IOException {
        try (Server server = new Server("127.0.0.2")) {
            server.silentTo(0, 2);
            RedisURI uri = RedisURI.create("redis://name:" + server.port());
            OwnClient own =
                    new OwnClient(uri, null, TIMEOUT, Duration.ofMinutes(1), new Names("127.0.0.2", "127.0.0.3"));

            Connections connections = Connections.open(own, new RedisErrors(uri, 2000), ConnectLimits.of(TIMEOUT));
            try {
                assertThat(connections.commands().isOpen()).isTrue();
                assertThat(connections.pushes().isOpen()).isTrue();
            } finally {
                connections.close();
            }
        }
    }

    /** The time for the handshake is over before TCP has begun to connect. Where the name leads is known for the next try. */
    @Test
    void aNameThatIsLookedUpForLongIsTriedAgain() throws IOException {
        try (Server server = new Server("127.0.0.1")) {
            RedisURI uri = RedisURI.create("redis://name:" + server.port());
            Names names = new Names("127.0.0.1");
            names.firstAfterMillis = TIMEOUT.toMillis() + 500;

            Connections connections = Connections.open(
                    new OwnClient(uri, null, TIMEOUT, Duration.ofMinutes(1), names),
                    new RedisErrors(uri, 2000),
                    ConnectLimits.of(TIMEOUT));
            try {
                assertThat(connections.commands().isOpen()).isTrue();
                assertThat(names.asked).hasValueGreaterThan(2);
            } finally {
                connections.close();
            }
        }
    }

    private static void awaitReconnected(Connections connections, Server server, int accepted) {
        long end = System.nanoTime() + BOUND_NANOS;
        while (server.accepted() < accepted
                || !connections.commands().isOpen()
                || !connections.pushes().isOpen()) {
            assertThat(System.nanoTime() - end).as("time left").isNegative();
            Thread.onSpinWait();
        }
    }

    private static InetAddress address(String literal) {
        try {
            return InetAddress.getByName(literal);
        } catch (UnknownHostException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Knows one name. */
    private static final class Names extends AddressResolverGroup<InetSocketAddress> {

        private final List<InetAddress> addresses = new ArrayList<>();
        private final AtomicInteger asked = new AtomicInteger();

        /** How long the first look of each of two connections lasts. */
        private long firstAfterMillis;

        Names(String... literals) {
            for (String literal : literals) {
                addresses.add(address(literal));
            }
        }

        @Override
        protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
            return new InetNameResolver(executor) {
                @Override
                protected void doResolve(String name, Promise<InetAddress> promise) {
                    promise.setSuccess(addresses.get(0));
                }

                @Override
                protected void doResolveAll(String name, Promise<List<InetAddress>> promise) {
                    if (asked.getAndIncrement() < 2 && firstAfterMillis > 0) {
                        Future<?> unused = executor.schedule(
                                () -> promise.trySuccess(addresses), firstAfterMillis, TimeUnit.MILLISECONDS);
                    } else {
                        promise.setSuccess(addresses);
                    }
                }
            }.asAddressResolver();
        }
    }

    /** Lets clients in, and does no more. */
    private static final class Server implements AutoCloseable {

        private final ServerSocket listener;
        private final Queue<Socket> sockets = new ConcurrentLinkedQueue<>();
        private final AtomicInteger left = new AtomicInteger();

        /** Which connections are not answered. */
        private volatile int silentFrom;

        private volatile int silentTo;

        Server(String literal) throws IOException {
            listener = new ServerSocket(0, 50, address(literal));
            start(this::listen);
        }

        int port() {
            return listener.getLocalPort();
        }

        int accepted() {
            return sockets.size();
        }

        /** Does not answer some of its connections, counted from 0 on. */
        void silentTo(int from, int end) {
            silentFrom = from;
            silentTo = end;
        }

        /** How many connections are over. */
        int left() {
            return left.get();
        }

        void cut() throws IOException {
            for (Socket socket : sockets) {
                socket.close();
            }
        }

        @Override
        public void close() throws IOException {
            listener.close();
            cut();
        }

        private void listen() {
            try {
                while (true) {
                    Socket socket = listener.accept();
                    boolean answered = sockets.size() < silentFrom || sockets.size() >= silentTo;
                    sockets.add(socket);
                    start(() -> serve(socket, answered));
                }
            } catch (IOException closed) {
                // The test is over.
            }
        }

        private void serve(Socket socket, boolean answered) {
            try (socket) {
                BufferedReader lines =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    String reply = answered ? reply(line) : "";
                    socket.getOutputStream().write(reply.getBytes(StandardCharsets.US_ASCII));
                }
            } catch (IOException closed) {
                // The client is gone.
            }
            left.incrementAndGet();
        }

        private static String reply(String line) {
            return switch (line) {
                case "HELLO" -> "-ERR unknown command 'HELLO'\r\n";
                case "PING" -> "+PONG\r\n";
                case "CLIENT" -> "+OK\r\n";
                default -> "";
            };
        }

        private static void start(Runnable task) {
            Thread thread = new Thread(task, "connections-test");
            thread.setDaemon(true);
            thread.start();
        }
    }
}
