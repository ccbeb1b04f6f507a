package io.distributedmutex.testkit.proxy;

import io.distributedmutex.testkit.internal.Loopback;
import io.distributedmutex.testkit.internal.UninterruptedWait;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread of a {@link FaultyProxy}, with all its connections. A turn looks at every connection, of which a test
 * has few, and does what can be done without waiting; then the thread sleeps until a socket is ready, a delayed chunk is
 * due, or a fault is changed.
 *
 * <p>Faults are changed by their callers' threads, between two turns, so that they are in force at once.
 */
final class ProxyLoop {

    private static final Logger LOG = LoggerFactory.getLogger(FaultyProxy.class);
    private static final Duration CLOSE_BOUND = Duration.ofSeconds(5);
    private static final int BACKLOG = 256;

    private final int serverPort;
    private final ProxyWay toServer;
    private final ProxyWay toClient;
    private final ServerSocketChannel listener;
    private final Selector selector;
    private final int port;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Set<ProxyLink> links = new LinkedHashSet<>();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 * 1024);
    private int accepted;
    private boolean refused;
    private boolean closed;

    ProxyLoop(int serverPort, ProxyWay toServer, ProxyWay toClient) throws IOException {
        this.serverPort = serverPort;
        this.toServer = toServer;
        this.toClient = toClient;
        this.listener = ServerSocketChannel.open();
        try {
            listener.bind(Loopback.address(0), BACKLOG);
            port = listener.socket().getLocalPort();
            listener.configureBlocking(false);
            selector = Selector.open();
            listener.register(selector, SelectionKey.OP_ACCEPT);
        } catch (IOException failure) {
            listener.close();
            throw failure;
        }
        thread = new Thread(this::run, "faulty-proxy-" + port);
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    int port() {
        return port;
    }

    /** Answers a question between two turns. */
    <T> T ask(Supplier<T> question) {
        lock.lock();
        try {
            return question.get();
        } finally {
            lock.unlock();
        }
    }

    /** Makes a change between two turns; nothing happens once closed. */
    void change(Runnable change) {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            // What the kernel has accepted is a connection of now to its client, so it has to be one to us as well.
            accept();
            change.run();
        } catch (IOException failure) {
            throw new UncheckedIOException("the proxy on port " + port + " cannot accept connections", failure);
        } finally {
            lock.unlock();
        }
        selector.wakeup();
    }

    int accepted() {
        return accepted;
    }

    int connections() {
        return links.size();
    }

    void cut() {
        links.forEach(ProxyLink::reset);
        links.clear();
    }

    void swallow() {
        links.forEach(ProxyLink::swallow);
    }

    void refuse(boolean refused) {
        this.refused = refused;
        if (refused) {
            cut();
        }
    }

    /** Resets those of now that are refused; later ones reset themselves. */
    void refuseIf(Predicate<ByteBuffer> saidFirst) {
        toServer.refuseIf(saidFirst);
        links.stream().filter(ProxyLink::isRefused).forEach(ProxyLink::reset);
        links.removeIf(link -> !link.isOpen());
    }

    /** Ends everything, and waits for the thread. */
    void close() {
        end();
        selector.wakeup();
        UninterruptedWait.atMost(CLOSE_BOUND, nanos -> {
            TimeUnit.NANOSECONDS.timedJoin(thread, nanos);
            return !thread.isAlive();
        });
    }

    private void end() {
        lock.lock();
        try {
            closed = true;
            cut();
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        try (listener;
                selector) {
            for (long dueIn = turn(); dueIn > 0; dueIn = turn()) {
                if (dueIn == Long.MAX_VALUE) {
                    selector.select();
                } else {
                    // Rounded up: waking up before the time would be for nothing.
                    selector.select(dueIn / 1_000_000 + 1);
                }
                selector.selectedKeys().clear();
            }
        } catch (IOException | RuntimeException failure) {
            LOG.error("the proxy on port {} ends, it has failed", port, failure);
        } finally {
            end();
        }
    }

    /** Does what can be done now; returns after how many nanoseconds there is more to do, 0 if never again. */
    private long turn() throws IOException {
        lock.lock();
        try {
            if (closed) {
                return 0;
            }
            accept();
            long now = System.nanoTime();
            links.forEach(link -> link.progress(now, buffer));
            links.removeIf(link -> !link.isOpen());
            return links.stream().mapToLong(link -> link.dueIn(now)).min().orElse(Long.MAX_VALUE);
        } finally {
            lock.unlock();
        }
    }

    private void accept() throws IOException {
        for (SocketChannel client = listener.accept(); client != null; client = listener.accept()) {
            if (refused) {
                ProxyLink.reset(client);
            } else {
                accepted++;
                links.add(ProxyLink.open(client, serverPort, selector, toServer, toClient));
            }
        }
    }
}
