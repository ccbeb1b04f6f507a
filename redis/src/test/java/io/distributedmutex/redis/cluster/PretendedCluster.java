package io.distributedmutex.redis.cluster;

import io.distributedmutex.redis.live.RespRequests;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.cluster.SlotHash;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A server that looks like a cluster of two masters, of which one slot moves as Redis 8.4 does it: all keys at once. There are two
 * ports before the same server, and so the same keys. The one that does not have the slot answers {@code MOVED}; the one that has
 * just got it may say {@code TRYAGAIN Slot is being trimmed} for a while, as where it has yet to remove keys of an earlier time.
 *
 * <p>What a port has to say itself it has said by the server, as the result of a script: so replies stay in order.
 */
final class PretendedCluster implements AutoCloseable {

    private static final String ERROR = "return redis.error_reply(ARGV[1])";
    private static final String SLOTS = "local all = {}"
            + " for i = 1, #ARGV, 3 do all[#all + 1] ="
            + " {tonumber(ARGV[i]), tonumber(ARGV[i + 1]), {'127.0.0.1', tonumber(ARGV[i + 2]), 'node-' .. ARGV[i + 2]}} end"
            + " return all";

    private final EmbeddedRedis server;
    private final int slot;
    private final List<Port> ports = new ArrayList<>();

    // Guarded by this.
    private Port owner;
    private boolean isPaused;
    private long trimmedNanos = System.nanoTime();

    /**
     * Opens both ports; the first has all slots.
     *
     * @param server not a cluster
     * @param slot the one that moves
     */
    PretendedCluster(EmbeddedRedis server, int slot) {
        this.server = server;
        this.slot = slot;
        ports.add(new Port());
        ports.add(new Port());
        owner = ports.get(0);
    }

    String uri() {
        return "redis-cluster://127.0.0.1:" + ports.get(0).number();
    }

    /**
     * Moves the slot to the other port.
     *
     * @param paused for how long nobody may write before
     * @param trimming for how long the new owner refuses the slot
     */
    void move(Duration paused, Duration trimming) {
        synchronized (this) {
            isPaused = true;
        }
        Await.pass(paused);
        Port before;
        synchronized (this) {
            before = owner;
            owner = ports.get(1 - ports.indexOf(before));
            isPaused = false;
            trimmedNanos = System.nanoTime() + trimming.toNanos();
            notifyAll();
        }
        before.sessions.forEach(Session::endSubscriptions);
    }

    @Override
    public void close() throws IOException {
        for (Port port : ports) {
            port.listener.close();
            for (Session session : port.sessions) {
                session.close();
            }
        }
    }

    /** What a port says instead of the server; null if it leaves the answer to it. */
    private synchronized @Nullable List<String> ownReply(Port at, List<String> command) throws InterruptedException {
        String name = command.get(0).toUpperCase(Locale.ROOT);
        if (name.equals("CLUSTER")) {
            int first = ports.get(0).number();
            List<String> reply = new ArrayList<>(List.of("EVAL", SLOTS, "0"));
            range(reply, 0, slot - 1, first);
            range(reply, slot, slot, owner.number());
            range(reply, slot + 1, SlotHash.SLOT_COUNT - 1, first);
            return reply;
        }
        String key = key(name, command);
        if (key == null) {
            return null;
        }
        boolean moves = SlotHash.getSlot(key) == slot;
        while (moves && isPaused && at == owner) {
            wait(TimeUnit.SECONDS.toMillis(10));
        }
        Port serves = moves ? owner : ports.get(0);
        if (at != serves) {
            return error("MOVED " + SlotHash.getSlot(key) + " 127.0.0.1:" + serves.number());
        }
        boolean isTrimming = moves && System.nanoTime() - trimmedNanos < 0;
        return isTrimming && !name.equals("SSUBSCRIBE") ? error("TRYAGAIN Slot is being trimmed") : null;
    }

    private static void range(List<String> reply, int first, int last, int port) {
        reply.addAll(List.of(Integer.toString(first), Integer.toString(last), Integer.toString(port)));
    }

    private static List<String> error(String text) {
        return List.of("EVAL", ERROR, "0", text);
    }

    private static @Nullable String key(String name, List<String> command) {
        return switch (name) {
            case "EVAL", "EVALSHA" -> command.get(2).equals("0") ? null : command.get(3);
            case "SSUBSCRIBE", "SPUBLISH", "SET", "GET", "DEL", "XADD", "EXISTS", "GETRANGE", "DELIFEQ", "DELEX" ->
                command.get(1);
            default -> null;
        };
    }

    /** One of the masters. */
    private final class Port {

        private final ServerSocket listener;
        private final Queue<Session> sessions = new ConcurrentLinkedQueue<>();

        Port() {
            try {
                listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            start(this::listen);
        }

        int number() {
            return listener.getLocalPort();
        }

        private void listen() {
            while (true) {
                try {
                    Session session = new Session(this, listener.accept());
                    sessions.add(session);
                    start(session::forward);
                    start(session::answer);
                } catch (IOException closed) {
                    return;
                }
            }
        }
    }

    /** A connection of a client, and one to the server for it. */
    private final class Session {

        private final Port port;
        private final Socket client;
        private final Socket behind;
        private volatile boolean isSubscribed;

        Session(Port port, Socket client) throws IOException {
            this.port = port;
            this.client = client;
            this.behind = new Socket(server.host(), server.port());
        }

        void forward() {
            try (client;
                    behind) {
                InputStream input = new BufferedInputStream(client.getInputStream());
                while (true) {
                    List<String> command = RespRequests.read(input, StandardCharsets.ISO_8859_1);
                    @Nullable List<String> own = ownReply(port, command);
                    isSubscribed |= own == null && command.get(0).equalsIgnoreCase("SSUBSCRIBE");
                    send(own == null ? command : own);
                }
            } catch (IOException | InterruptedException | NumberFormatException closed) {
                // One of both is gone.
            }
        }

        void answer() {
            try (client;
                    behind) {
                behind.getInputStream().transferTo(client.getOutputStream());
            } catch (IOException closed) {
                // One of both is gone.
            }
        }

        /** The server's own words for it reach the client, which has not asked. */
        void endSubscriptions() {
            if (isSubscribed) {
                try {
                    send(List.of("SUNSUBSCRIBE"));
                } catch (IOException closed) {
                    // It has no subscriptions any more.
                }
            }
        }

        private synchronized void send(List<String> command) throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            bytes.writeBytes(ascii("*" + command.size() + "\r\n"));
            for (String word : command) {
                byte[] text = word.getBytes(StandardCharsets.ISO_8859_1);
                bytes.writeBytes(ascii("$" + text.length + "\r\n"));
                bytes.writeBytes(text);
                bytes.writeBytes(ascii("\r\n"));
            }
            OutputStream output = behind.getOutputStream();
            bytes.writeTo(output);
            output.flush();
        }

        void close() throws IOException {
            client.close();
            behind.close();
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "pretended-cluster");
        thread.setDaemon(true);
        thread.start();
    }
}
