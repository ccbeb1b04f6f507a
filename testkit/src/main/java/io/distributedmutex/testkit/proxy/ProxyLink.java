package io.distributedmutex.testkit.proxy;

import io.distributedmutex.testkit.internal.Loopback;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/**
 * One connection through a {@link FaultyProxy}: the socket to the client, the socket to the server, and what flows
 * between them. Guarded by the lock of its {@link ProxyLoop}.
 */
final class ProxyLink {

    /** Enough for the log-in of a replica with a long password, and for what it says then. */
    private static final int REMEMBERED_BYTES = 1024;

    private final SocketChannel client;
    private final SocketChannel server;
    private final SelectionKey clientKey;
    private final SelectionKey serverKey;
    private final ProxyFlow toServer;
    private final ProxyFlow toClient;
    private boolean connected;
    private boolean swallowed;

    private ProxyLink(
            SocketChannel client, SocketChannel server, Selector selector, ProxyWay toServer, ProxyWay toClient)
            throws IOException {
        this.client = client;
        this.server = server;
        this.clientKey = prepare(client, selector);
        this.serverKey = prepare(server, selector);
        this.toServer = new ProxyFlow(client, server, toServer, REMEMBERED_BYTES);
        this.toClient = new ProxyFlow(server, client, toClient, 0);
    }

    /** Begins to connect an accepted client with the server; if that cannot even begin, the client is reset. */
    static ProxyLink open(SocketChannel client, int serverPort, Selector selector, ProxyWay toServer, ProxyWay toClient)
            throws IOException {
        SocketChannel server = SocketChannel.open();
        ProxyLink link = new ProxyLink(client, server, selector, toServer, toClient);
        try {
            server.connect(Loopback.address(serverPort));
        } catch (IOException nobodyThere) {
            link.reset();
        }
        return link;
    }

    /** Loses from now on what either end says, and hides from each what the other does. */
    void swallow() {
        swallowed = true;
    }

    /** Whether the client is refused for what it has said first. */
    boolean isRefused() {
        return toServer.isRefused();
    }

    /** Whether either end is still connected. */
    boolean isOpen() {
        return client.isOpen() || server.isOpen();
    }

    /** Returns when a chunk is due, in nanoseconds from now; Long.MAX_VALUE if time alone changes nothing. */
    long dueIn(long now) {
        return swallowed || !connected ? Long.MAX_VALUE : Math.min(toServer.dueIn(now), toClient.dueIn(now));
    }

    /** Does all that can be done now without waiting. */
    void progress(long now, ByteBuffer buffer) {
        if (swallowed) {
            lose(buffer);
        } else {
            passOn(now, buffer);
        }
        if (client.isOpen()) {
            clientKey.interestOps(interest(toServer, toClient));
        }
        if (server.isOpen()) {
            serverKey.interestOps(connected ? interest(toClient, toServer) : SelectionKey.OP_CONNECT);
        }
    }

    /** Resets both ends. */
    void reset() {
        reset(client);
        reset(server);
    }

    /** Closes a socket so that its peer sees a reset (TCP RST), where the system can do that. */
    static void reset(SocketChannel socket) {
        try {
            socket.setOption(StandardSocketOptions.SO_LINGER, 0);
        } catch (IOException alreadyReset) {
            // By its peer, which needs no reset any more.
        }
        close(socket);
    }

    private void passOn(long now, ByteBuffer buffer) {
        try {
            connected = connected || server.finishConnect();
            if (!connected) {
                return;
            }
            if (toServer.progress(now, buffer)) {
                cutAfter(toServer);
            } else if (toClient.progress(now, buffer)) {
                cutAfter(toClient);
            } else if (toServer.isOver() && toClient.isOver()) {
                close(client);
                close(server);
            }
        } catch (IOException resetByOneEndOrRefused) {
            reset();
        }
    }

    /** The receiver is to get all that was passed on, which a reset could destroy, so it sees an orderly end. */
    private static void cutAfter(ProxyFlow flow) {
        close(flow.to());
        reset(flow.from());
    }

    private void lose(ByteBuffer buffer) {
        try {
            connected = connected || server.finishConnect();
        } catch (IOException gone) {
            close(server);
        }
        drain(client, buffer);
        if (connected) {
            drain(server, buffer);
        }
    }

    private static void drain(SocketChannel socket, ByteBuffer buffer) {
        try {
            if (socket.isOpen() && socket.read(buffer.clear()) < 0) {
                close(socket);
            }
        } catch (IOException gone) {
            close(socket);
        }
    }

    private int interest(ProxyFlow reading, ProxyFlow writing) {
        if (swallowed) {
            return SelectionKey.OP_READ;
        }
        boolean reads = connected && reading.wantsToRead();
        return (reads ? SelectionKey.OP_READ : 0) | (writing.wantsToWrite() ? SelectionKey.OP_WRITE : 0);
    }

    private static SelectionKey prepare(SocketChannel socket, Selector selector) throws IOException {
        socket.configureBlocking(false);
        // Else a part of a request would wait for the acknowledgement of the part before it.
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        return socket.register(selector, 0);
    }

    private static void close(SocketChannel socket) {
        try {
            socket.close();
        } catch (IOException closedAllTheSame) {
            // The system has nothing left to say to this peer.
        }
    }
}
