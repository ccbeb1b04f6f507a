package io.distributedmutex.lab.chaos.history;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the locks of a chaos run guard: a number for each key, which remembers the largest fencing token that it has seen and
 * refuses smaller ones. The controller runs it as a small server, which no fault meets. It checks and writes in one step. So a
 * worker that is stopped between its read and its write sends a real late write.
 */
public final class Register implements AutoCloseable {

    /** More than there are workers, so that the kernel refuses no connection. */
    private static final int BACKLOG = 256;

    /**
     * One request, in the order in which they were handled.
     *
     * @param nanos when
     * @param worker who asked
     * @param write whether it was a write, not a read
     * @param key which number
     * @param token the asker's fencing token
     * @param value what was written or is to be, or was read
     * @param accepted whether the token was good
     */
    public record Entry(long nanos, int worker, boolean write, String key, long token, long value, boolean accepted) {}

    private static final class Cell {
        private long value;
        private long seen;
    }

    private final boolean fenced;
    private final ServerSocket server;
    private final Map<String, Cell> cells = new HashMap<>();
    private final List<Entry> log = new ArrayList<>();
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

    private Register(boolean fenced, ServerSocket server) {
        this.fenced = fenced;
        this.server = server;
    }

    /**
     * Opens it on a free port.
     *
     * @param fenced whether tokens are looked at
     */
    public static Register open(boolean fenced) throws IOException {
        ServerSocket server = new ServerSocket();
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), BACKLOG);
        Register register = new Register(fenced, server);
        daemon("chaos-register", register::accept);
        return register;
    }

    public int port() {
        return server.getLocalPort();
    }

    /** All requests until now. */
    public List<Entry> log() {
        synchronized (cells) {
            return List.copyOf(log);
        }
    }

    /** The numbers, by key. */
    public Map<String, Long> values() {
        synchronized (cells) {
            Map<String, Long> values = new HashMap<>();
            cells.forEach((key, cell) -> values.put(key, cell.value));
            return values;
        }
    }

    /** Handles one request: read or write, key, token, worker, value. Says "ok value" or "refused token". */
    String handle(String line) {
        String[] words = line.split(" ", -1);
        boolean write = words[0].equals("write");
        long token = Long.parseLong(words[2]);
        synchronized (cells) {
            Cell cell = cells.computeIfAbsent(words[1], key -> new Cell());
            boolean accepted = !fenced || token >= cell.seen;
            long value = write ? Long.parseLong(words[4]) : cell.value;
            if (accepted) {
                cell.seen = Math.max(cell.seen, token);
                cell.value = value;
            }
            log.add(new Entry(
                    System.nanoTime(), Integer.parseInt(words[3]), write, words[1].intern(), token, value, accepted));
            return accepted ? "ok " + value : "refused " + cell.seen;
        }
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = server.accept();
                sockets.add(socket);
                daemon("chaos-register-connection", () -> serve(socket));
            }
        } catch (IOException e) {
            // Closed.
            return;
        }
    }

    private void serve(Socket socket) {
        try (socket;
                BufferedReader lines =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))) {
            socket.setTcpNoDelay(true);
            OutputStream out = socket.getOutputStream();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                out.write((handle(line) + "\n").getBytes(StandardCharsets.US_ASCII));
            }
        } catch (IOException e) {
            // The worker was killed.
            return;
        } finally {
            sockets.remove(socket);
        }
    }

    private static void daemon(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() {
        try {
            server.close();
            for (Socket socket : sockets) {
                socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
