package io.distributedmutex.verification.redis;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** Stands between client and server, and can become a black hole: connections stay open, but nothing comes through. */
final class HoleProxy implements AutoCloseable {

    private final ServerSocket listener;
    private final int target;
    private final Queue<Link> links = new ConcurrentLinkedQueue<>();
    private final AtomicInteger accepted = new AtomicInteger();

    /** Two sockets, and whether what one says reaches the other. */
    private static final class Link {
        private final Socket client;
        private final Socket server;
        private volatile boolean hole;

        Link(Socket client, Socket server) {
            this.client = client;
            this.server = server;
        }
    }

    HoleProxy(int target) {
        this.target = target;
        try {
            listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(this::listen);
    }

    String uri() {
        return "redis://127.0.0.1:" + listener.getLocalPort();
    }

    /** How many connections were accepted so far. */
    int accepted() {
        return accepted.get();
    }

    /** Swallows what is said on all connections of now; later ones work. */
    void swallow() {
        links.forEach(link -> link.hole = true);
    }

    /** Closes all connections of now. */
    void cut() {
        links.forEach(HoleProxy::close);
    }

    @Override
    public void close() throws IOException {
        listener.close();
        cut();
    }

    private void listen() {
        while (true) {
            try {
                Socket client = listener.accept();
                Link link = new Link(client, new Socket(InetAddress.getLoopbackAddress(), target));
                links.add(link);
                accepted.incrementAndGet();
                start(() -> pump(link, link.client, link.server));
                start(() -> pump(link, link.server, link.client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private static void pump(Link link, Socket from, Socket to) {
        try (from;
                to) {
            InputStream input = from.getInputStream();
            OutputStream output = to.getOutputStream();
            byte[] buffer = new byte[8192];
            for (int length = input.read(buffer); length >= 0; length = input.read(buffer)) {
                if (!link.hole) {
                    output.write(buffer, 0, length);
                }
            }
        } catch (IOException closed) {
            // One of the two is gone.
        }
    }

    private static void close(Link link) {
        try {
            link.client.close();
            link.server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "hole-proxy");
        thread.setDaemon(true);
        thread.start();
    }
}
