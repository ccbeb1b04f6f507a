package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.SslOptions;
import io.netty.util.internal.InternalThreadLocalMap;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is told of connections that cannot be opened, and what is left in threads by those that are. */
class ConnectingTest {

    /** A busy machine takes its time for certificates, and those who connect give up after 3 s otherwise. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final String STORE_PASSWORD = "changeit";

    private static EmbeddedRedis redis;

    @TempDir
    private static Path folder;

    @BeforeAll
    static void start() {
        redis = EmbeddedRedis.start();
    }

    @AfterAll
    static void stop() {
        redis.close();
    }

    @Test
    void aPlainPortThatIsAskedForTls() {
        assertThat(unreachable(() -> RedisMutex.connect("rediss://127.0.0.1:" + redis.port())))
                .hasMessageContaining("could not connect to Redis at 127.0.0.1:" + redis.port())
                .hasMessageContaining("that this port speaks TLS");
    }

    /** As it seems to a process that loads its classes for longer than a handshake may last. */
    @Test
    void aServerThatIsSilentAtFirstIsConnectedTo() throws Exception {
        try (FaultyProxy proxy = FaultyProxy.to(redis.port())) {
            proxy.hold(FaultyProxy.Direction.TO_CLIENT);
            CompletableFuture<DistributedMutex> connecting =
                    CompletableFuture.supplyAsync(() -> RedisMutex.connect(proxy.uri()), OwnThread.EACH);
            Await.until("it is tried again", () -> proxy.accepted() > 2);

            proxy.heal();

            try (DistributedMutex mutex = connecting.get(20, TimeUnit.SECONDS)) {
                mutex.acquire("k").close();
                Await.until("only the two that are used are left", () -> proxy.connections() == 2);
            }
        }
    }

    @Test
    void aLazyMutexWaitsForItsServer() {
        try (EmbeddedRedis late = EmbeddedRedis.start()) {
            late.stop();
            try (DistributedMutex mutex =
                    RedisMutex.builder().uri(late.uri()).lazy().connect()) {
                assertThat(unreachable(() -> mutex.tryAcquire("k")))
                        .hasMessageContaining("could not connect to Redis at 127.0.0.1:" + late.port());
                CompletableFuture<Lease> waits =
                        mutex.with(o -> o.waitTime(Duration.ofSeconds(30))).acquireAsync("k");
                late.restart();
                waits.join().close();
            }
        }
    }

    /** Who asks waits for the connection, and the next one tries again: so it is not tried for 10 s. */
    @Test
    void aLazyMutexGivesUpASilentServerSoon() {
        try (Stalls stalls = Stalls.watchMachine();
                FaultyProxy proxy = FaultyProxy.to(redis.port());
                DistributedMutex mutex =
                        RedisMutex.builder().uri(proxy.uri()).lazy().connect()) {
            proxy.hold(FaultyProxy.Direction.TO_CLIENT);
            long begun = System.nanoTime();

            assertThat(unreachable(() -> mutex.tryAcquire("k")))
                    .hasMessageContaining("could not connect to Redis at 127.0.0.1:" + proxy.port());

            assertThat(Stalls.millisSince(begun)).isLessThan(5_500 + stalls.allowanceMillis());
        }
    }

    @Test
    void aLazyMutexToNowhereIsRefusedAtOnce() {
        assertThat(catchThrowable(() -> RedisMutex.builder().lazy().connect()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("exactly one of uri and client must be given, but neither was");
    }

    @Test
    void aTlsPortThatIsAskedWithout() throws Exception {
        try (TlsServer server = new TlsServer("127.0.0.1", false)) {
            assertThat(unreachable(() -> RedisMutex.connect("redis://127.0.0.1:" + server.port())))
                    .hasMessageContaining("whether this port wants TLS, which is rediss://");
        }
    }

    @Test
    void aCertificateOfAnUnknownAuthority() throws Exception {
        try (TlsServer server = new TlsServer("127.0.0.1", false)) {
            assertThat(unreachable(() -> RedisMutex.builder()
                            .uri("rediss://127.0.0.1:" + server.port())
                            .commandTimeout(PATIENCE)
                            .connect()))
                    .hasMessageContaining("add who did to the trust store");
        }
    }

    @Test
    void aCertificateForAnotherName() throws Exception {
        try (TlsServer server = new TlsServer("192.0.2.1", false)) {
            assertThat(withClientThatTrusts(server)).hasMessageContaining("its certificate is for other names");
        }
    }

    @Test
    void aServerThatWantsACertificate() throws Exception {
        try (TlsServer server = new TlsServer("127.0.0.1", true)) {
            assertThat(withClientThatTrusts(server)).hasMessageContaining("a certificate of its clients");
        }
    }

    @Test
    void aSocketWithoutTheNativePartOfNetty() {
        assertThat(unreachable(() -> RedisMutex.connect("redis-socket:///tmp/no-such.sock")))
                .hasMessageContaining("could not connect to Redis at /tmp/no-such.sock")
                .hasMessageContaining("netty-transport-native-epoll");
    }

    @Test
    void aUserWithoutAPasswordMayHaveNone() {
        redis.command("ACL", "SETUSER", "nopassword", "on", "nopass", "~*", "&*", "+@all");
        try (DistributedMutex mutex = RedisMutex.connect("redis://nopassword:@127.0.0.1:" + redis.port())) {
            assertThat(redis.command("CLIENT", "LIST").toString()).contains("user=nopassword");
            mutex.acquire("k").close();
        }
    }

    @Test
    void nothingOfNettyStaysInTheThreadThatConnectsAndCloses() throws Exception {
        assertThat(leavesNothing(() -> {
                    DistributedMutex mutex = RedisMutex.connect(redis.uri());
                    mutex.acquire("k").close();
                    mutex.close();
                }))
                .isTrue();
    }

    @Test
    void nothingOfNettyStaysInAThreadThatCannotConnect() throws Exception {
        assertThat(leavesNothing(() -> unreachable(() -> RedisMutex.connect("redis://127.0.0.1:1"))))
                .isTrue();
    }

    @Test
    void nothingOfNettyStaysInAThreadThatConnectsWithAClientOfTheApplication() throws Exception {
        RedisClient client = RedisClient.create(redis.uri());
        try {
            assertThat(leavesNothing(() -> RedisMutex.builder()
                            .client(client)
                            .keyPrefix("other:")
                            .connect()
                            .close()))
                    .isTrue();
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }

    private static boolean leavesNothing(Runnable task) throws Exception {
        FutureTask<Boolean> work = new FutureTask<>(() -> {
            task.run();
            return InternalThreadLocalMap.getIfSet() == null;
        });
        Thread thread = new Thread(work, "connecting-test");
        thread.setDaemon(true);
        thread.start();
        return work.get(Await.BOUND.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static Throwable unreachable(Runnable connect) {
        Throwable thrown = catchThrowable(connect::run);
        assertThat(thrown).isInstanceOf(StoreUnreachableException.class);
        return thrown;
    }

    private static Throwable withClientThatTrusts(TlsServer server) {
        RedisClient client = RedisClient.create("rediss://127.0.0.1:" + server.port());
        client.setOptions(ClientOptions.builder()
                .sslOptions(SslOptions.builder()
                        .jdkSslProvider()
                        .truststore(server.keys().toFile(), STORE_PASSWORD)
                        .build())
                .build());
        try {
            return unreachable(() ->
                    RedisMutex.builder().client(client).commandTimeout(PATIENCE).connect());
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }

    /** Shakes hands by TLS, and no more. */
    private static final class TlsServer implements AutoCloseable {

        private final Path keys;
        private final SSLServerSocket listener;

        TlsServer(String address, boolean wantsCertificates) throws Exception {
            keys = newKeys(address);
            KeyStore store = KeyStore.getInstance("PKCS12");
            try (InputStream stream = Files.newInputStream(keys)) {
                store.load(stream, STORE_PASSWORD.toCharArray());
            }
            listener = (SSLServerSocket) context(store)
                    .getServerSocketFactory()
                    .createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
            listener.setNeedClientAuth(wantsCertificates);
            Thread thread = new Thread(this::serve, "tls-server");
            thread.setDaemon(true);
            thread.start();
        }

        int port() {
            return listener.getLocalPort();
        }

        Path keys() {
            return keys;
        }

        @Override
        public void close() throws IOException {
            listener.close();
        }

        private void serve() {
            while (!listener.isClosed()) {
                try (Socket socket = listener.accept()) {
                    socket.setSoTimeout(2_000);
                    socket.getInputStream().read();
                } catch (IOException refused) {
                    // The client did not like it, or this server not the client, or the test is over.
                }
            }
        }

        private static SSLContext context(KeyStore store) throws GeneralSecurityException {
            KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keyManagers.init(store, STORE_PASSWORD.toCharArray());
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keyManagers.getKeyManagers(), trust.getTrustManagers(), null);
            return context;
        }

        /** A key, and a certificate that it signed itself. As a trust store, it also holds the certificate alone. */
        private static Path newKeys(String address) throws Exception {
            Path file = Files.createTempDirectory(folder, "keys").resolve("keys.p12");
            keytool(
                    "-genkeypair",
                    "-alias",
                    "server",
                    "-keyalg",
                    "EC",
                    "-dname",
                    "CN=test",
                    "-ext",
                    "san=ip:" + address,
                    "-validity",
                    "2",
                    "-storetype",
                    "PKCS12",
                    "-keystore",
                    file.toString());
            KeyStore store = KeyStore.getInstance(file.toFile(), STORE_PASSWORD.toCharArray());
            store.setCertificateEntry("trusted", store.getCertificate("server"));
            try (OutputStream out = Files.newOutputStream(file)) {
                store.store(out, STORE_PASSWORD.toCharArray());
            }
            return file;
        }

        private static void keytool(String... arguments) throws Exception {
            ProcessBuilder builder = new ProcessBuilder();
            builder.command()
                    .add(Path.of(System.getProperty("java.home"), "bin", "keytool")
                            .toString());
            builder.command().addAll(List.of("-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1"));
            builder.command().addAll(List.of(arguments));
            builder.command().addAll(List.of("-storepass", STORE_PASSWORD));
            Process process = builder.redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes());
            assertThat(process.waitFor()).as(said).isZero();
        }
    }
}
