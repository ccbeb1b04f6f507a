package io.distributedmutex.examples.tenants;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;

/** Starts a Redis, a PostgreSQL and two instances of the application, each a process of its own, and ends them with itself. */
public final class Playground {

    private Playground() {}

    /** Takes no arguments; the input's end or Ctrl-C ends it. */
    public static void main(String[] arguments) throws Exception {
        // Else each step of PostgreSQL's start is a line.
        LoggingSystem.get(Playground.class.getClassLoader()).setLogLevel(LoggingSystem.ROOT_LOGGER_NAME, LogLevel.WARN);
        System.out.println("Starting a Redis, a PostgreSQL and two instances ...");
        try (EmbeddedRedis redis = EmbeddedRedis.start();
                EmbeddedPostgres postgres = EmbeddedPostgres.start()) {
            List<Integer> ports = List.of(freePort(), freePort());
            List<Process> instances = new ArrayList<>();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> instances.forEach(Process::destroy)));
            for (int i = 0; i < ports.size(); i++) {
                instances.add(start("instance-" + (i + 1), ports.get(i), ports, redis, postgres));
            }
            for (int i = 0; i < ports.size(); i++) {
                awaitStart(instances.get(i), ports.get(i));
            }
            System.out.println(
                    "Redis at " + redis.uri() + ", PostgreSQL at " + postgres.getJdbcUrl("postgres", "postgres"));
            System.out.println("Open http://127.0.0.1:" + ports.get(0) + " - the other instance is at "
                    + "http://127.0.0.1:" + ports.get(1) + ". Ctrl-C ends all.");
            for (Process instance : instances) {
                instance.waitFor();
            }
        }
    }

    /** Waits until it serves, or has ended and said why. */
    private static void awaitStart(Process instance, int port) throws InterruptedException {
        while (instance.isAlive()) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return;
            } catch (IOException e) {
                Thread.sleep(100);
            }
        }
    }

    private static Process start(
            String label, int port, List<Integer> ports, EmbeddedRedis redis, EmbeddedPostgres postgres)
            throws IOException {
        List<String> urls =
                ports.stream().map(each -> "http://127.0.0.1:" + each).toList();
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                TenantApplication.class.getName()));
        command.addAll(properties(label, port, urls, redis, postgres));
        return new ProcessBuilder(command).inheritIO().start();
    }

    /** What an instance must know. */
    static List<String> properties(
            String label, int port, List<String> urls, EmbeddedRedis redis, EmbeddedPostgres postgres) {
        return List.of(
                "--server.address=127.0.0.1",
                "--server.port=" + port,
                "--distributed-mutex.redis.uri=" + redis.uri(),
                "--distributed-mutex.holder-label=" + label,
                "--spring.datasource.url=" + postgres.getJdbcUrl("postgres", "postgres"),
                "--example.instances=" + String.join(",", urls));
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
