package io.distributedmutex.redis.store;

import io.distributedmutex.redis.live.RespRequests;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A server that speaks just enough of RESP to let a client in, and then says what the test wants: replies of wrong
 * shapes, lies and nothing at all.
 */
final class FakeRedis implements AutoCloseable {

    private final ServerSocket listener;
    private final Function<List<String>, @Nullable String> replies;
    private final Queue<Socket> sockets = new ConcurrentLinkedQueue<>();
    private final Set<Socket> subscribers = ConcurrentHashMap.newKeySet();
    private volatile String version = "7.0.0";
    private volatile boolean resp3;
    private volatile boolean ignoresSubscriptions;
    private volatile boolean natives;
    private final AtomicInteger ignoredSubscriptions = new AtomicInteger();

    /**
     * Starts the server.
     *
     * @param replies the raw reply to a command, or null for none, of those that are not about connecting
     */
    FakeRedis(Function<List<String>, @Nullable String> replies) {
        this.replies = replies;
        try {
            listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start("fake-redis-listener", this::listen);
    }

    FakeRedis version(String version) {
        this.version = version;
        return this;
    }

    /** Agrees to speak RESP3. */
    FakeRedis resp3(boolean resp3) {
        this.resp3 = resp3;
        return this;
    }

    /**
     * Asks the test for replies to the native commands and the short script of the fast path, too. Else the server does not
     * know the former, and the latter never suffices.
     */
    FakeRedis natives(boolean asked) {
        this.natives = asked;
        return this;
    }

    /** Does not answer SUBSCRIBE. */
    FakeRedis ignoreSubscriptions(boolean ignore) {
        ignoresSubscriptions = ignore;
        return this;
    }

    /** How many subscriptions were not answered. */
    int ignoredSubscriptions() {
        return ignoredSubscriptions.get();
    }

    /** Closes all connections. */
    void cut() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    /** Says something to all who have subscribed, without having been asked. */
    void push(String raw) {
        for (Socket socket : subscribers) {
            try {
                socket.getOutputStream().write(raw.getBytes(StandardCharsets.UTF_8));
            } catch (IOException gone) {
                subscribers.remove(socket);
            }
        }
    }

    String uri() {
        return "redis://127.0.0.1:" + listener.getLocalPort();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cut();
    }

    private void listen() {
        while (true) {
            try {
                Socket socket = listener.accept();
                sockets.add(socket);
                start("fake-redis-connection", () -> serve(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            InputStream input = new BufferedInputStream(socket.getInputStream());
            while (true) {
                List<String> command = RespRequests.read(input, StandardCharsets.UTF_8);
                String reply = reply(command);
                if (command.get(0).equalsIgnoreCase("SUBSCRIBE")) {
                    subscribers.add(socket);
                }
                if (reply != null) {
                    socket.getOutputStream().write(reply.getBytes(StandardCharsets.UTF_8));
                }
            }
        } catch (IOException | NumberFormatException closed) {
            // The client is gone.
        }
    }

    private @Nullable String reply(List<String> command) {
        return switch (command.get(0).toUpperCase(Locale.ROOT)) {
            case "HELLO" -> resp3 ? "%1\r\n" + bulk("proto") + ":3\r\n" : "-ERR unknown command 'HELLO'\r\n";
            case "PING" -> "+PONG\r\n";
            case "CLIENT" -> "+OK\r\n";
            case "INFO" -> bulk("# Server\r\nredis_version:" + version + "\r\nredis_mode:standalone\r\n");
            case "SUBSCRIBE" ->
                ignoresSubscriptions
                        ? ignored()
                        : (resp3 ? ">3" : "*3") + "\r\n" + bulk("subscribe") + bulk(command.get(1)) + ":1\r\n";
            case "SET", "XADD", "EXISTS", "GETRANGE", "DELIFEQ", "DELEX" ->
                natives ? replies.apply(command) : "-ERR unknown command '" + command.get(0) + "'\r\n";
            // One key and one argument: the script that only compares and deletes.
            case "EVALSHA", "EVAL" -> !natives && command.size() == 5 ? ":0\r\n" : replies.apply(command);
            default -> replies.apply(command);
        };
    }

    private @Nullable String ignored() {
        ignoredSubscriptions.incrementAndGet();
        return null;
    }

    static String bulk(String text) {
        return "$" + text.getBytes(StandardCharsets.UTF_8).length + "\r\n" + text + "\r\n";
    }

    private static void start(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }
}
