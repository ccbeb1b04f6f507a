package io.distributedmutex.lab.chaos.run;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Passes on what a worker and a server say, and puts other ports into the addresses that the server names. So a worker that
 * follows a redirect or the word of a Sentinel still goes by proxies of its own. All ports are of five digits, so that no length
 * changes.
 */
final class AddressRelay implements AutoCloseable {

    /** An address as Sentinels and cluster nodes name it: in a text, or as host and port, the port a text or a number. */
    private static final Pattern ADDRESS = Pattern.compile("127\\.0\\.0\\.1(?::| |\r\n:|\r\n\\$5\r\n)(\\d{5})");

    private static final int LONGEST = "127.0.0.1\r\n$5\r\n12345".length();
    private static final int BACKLOG = 256;
    private static final int BUFFER = 16 * 1024;

    private final int serverPort;
    private final ServerSocket listener;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private volatile Map<String, String> ports = Map.of();

    private AddressRelay(int serverPort, ServerSocket listener) {
        this.serverPort = serverPort;
        this.listener = listener;
    }

    /** Opens a relay on a free port. */
    static AddressRelay to(int serverPort) throws IOException {
        ServerSocket listener = new ServerSocket();
        listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), BACKLOG);
        AddressRelay relay = new AddressRelay(serverPort, listener);
        daemon(relay::accept);
        return relay;
    }

    int port() {
        return listener.getLocalPort();
    }

    /** Says which ports to put in place of which, from now on. */
    void replace(Map<String, String> ports) {
        this.ports = ports;
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                sockets.add(client);
                daemon(() -> connect(client));
            } catch (IOException e) {
                // Closed.
                return;
            }
        }
    }

    private void connect(Socket client) {
        Socket server = new Socket();
        sockets.add(server);
        try {
            server.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), serverPort));
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
        } catch (IOException nobodyThere) {
            end(client, server);
            return;
        }
        AtomicInteger over = new AtomicInteger();
        daemon(() -> pass(client, server, false, over));
        pass(server, client, true, over);
    }

    private void pass(Socket from, Socket to, boolean replacing, AtomicInteger over) {
        byte[] buffer = new byte[BUFFER];
        String kept = "";
        try {
            for (int length = from.getInputStream().read(buffer);
                    length >= 0;
                    length = from.getInputStream().read(buffer)) {
                if (replacing) {
                    String said = kept + new String(buffer, 0, length, StandardCharsets.ISO_8859_1);
                    int whole = whole(said);
                    kept = said.substring(whole);
                    to.getOutputStream()
                            .write(replaced(said.substring(0, whole)).getBytes(StandardCharsets.ISO_8859_1));
                } else {
                    to.getOutputStream().write(buffer, 0, length);
                }
            }
            to.getOutputStream().write(kept.getBytes(StandardCharsets.ISO_8859_1));
            to.shutdownOutput();
            if (over.incrementAndGet() == 2) {
                close(from);
                close(to);
            }
        } catch (IOException resetByOneEnd) {
            end(from, to);
        }
    }

    String replaced(String said) {
        Map<String, String> known = ports;
        Matcher address = ADDRESS.matcher(said);
        StringBuilder text = new StringBuilder(said.length());
        int done = 0;
        while (address.find()) {
            String port = address.group(1);
            text.append(said, done, address.start(1)).append(known.getOrDefault(port, port));
            done = address.end();
        }
        return text.append(said, done, said.length()).toString();
    }

    /** How much can be passed on: an address may have begun at the end, of which the rest is still to come. */
    static int whole(String said) {
        Matcher address = ADDRESS.matcher(said);
        for (int from = Math.max(0, said.length() - LONGEST); from < said.length(); from++) {
            address.region(from, said.length());
            if (said.charAt(from) == '1' && address.lookingAt()) {
                from = address.end() - 1;
            } else if (said.charAt(from) == '1' && address.hitEnd()) {
                return from;
            }
        }
        return said.length();
    }

    /** Both ends see a reset. */
    private void end(Socket one, Socket other) {
        for (Socket socket : new Socket[] {one, other}) {
            try {
                socket.setSoLinger(true, 0);
            } catch (IOException alreadyGone) {
                // Then it needs no reset.
            }
            close(socket);
        }
    }

    private void close(Socket socket) {
        sockets.remove(socket);
        try {
            socket.close();
        } catch (IOException closedAllTheSame) {
            // The system has nothing left to say to this peer.
        }
    }

    private static void daemon(Runnable task) {
        Thread thread = new Thread(task, "chaos-relay");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException closedAllTheSame) {
            // Nobody connects any more.
        }
        sockets.forEach(this::close);
    }
}
