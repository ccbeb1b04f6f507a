package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/** Speaks TLS for a server that does not: passes on what it decrypts. */
final class TlsFront implements AutoCloseable {

    static final String PASSWORD = "opensesame";

    private final int serverPort;
    private final ServerSocket listening;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile SSLContext context;

    TlsFront(int serverPort) throws IOException {
        this.serverPort = serverPort;
        this.listening = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        daemon("tls-front", this::accept);
    }

    /** Makes a key and a certificate for localhost that it signs itself, in a file that serves both sides. */
    static Path newKeys(Path file) throws IOException, InterruptedException {
        String keytool =
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        Process process = new ProcessBuilder(
                        keytool,
                        "-J-XX:+UseSerialGC",
                        "-J-XX:TieredStopAtLevel=1",
                        "-genkeypair",
                        "-alias",
                        "redis",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=localhost",
                        "-ext",
                        "SAN=dns:localhost",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        file.toString(),
                        "-storepass",
                        PASSWORD)
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(said).isZero();
        return file;
    }

    int port() {
        return listening.getLocalPort();
    }

    /** Says who it is, from now on. */
    void identify(Path keys) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(keys)) {
            store.load(in, PASSWORD.toCharArray());
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(store, PASSWORD.toCharArray());
        SSLContext made = SSLContext.getInstance("TLS");
        made.init(managers.getKeyManagers(), null, null);
        context = made;
    }

    /** Ends all connections. */
    void cut() {
        open.forEach(TlsFront::close);
        open.clear();
    }

    @Override
    public void close() throws IOException {
        listening.close();
        cut();
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = listening.accept();
            open.add(client);
            daemon("tls-front-client", () -> serve(client));
        }
    }

    private void serve(Socket client) throws IOException {
        SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(client, null, client.getPort(), true);
        tls.setUseClientMode(false);
        tls.startHandshake();
        Socket server = new Socket(InetAddress.getByName("127.0.0.1"), serverPort);
        open.add(server);
        daemon("tls-front-replies", () -> pass(server, tls));
        pass(tls, server);
    }

    private void pass(Socket from, Socket to) throws IOException {
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[8_192];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                out.write(buffer, 0, read);
                out.flush();
            }
        } finally {
            close(from);
            close(to);
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void daemon(String name, Work work) {
        Thread thread = new Thread(
                () -> {
                    try {
                        work.run();
                    } catch (IOException e) {
                        // The other side has ended the connection, or this has been closed.
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // It was closed before.
        }
    }
}
