package io.distributedmutex.jdbc;

import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An installed MariaDB, one server for all tests of this JVM. With {@code -Dfence.mysql.port=N} it is whatever listens
 * on that port of 127.0.0.1, be it MariaDB or MySQL, with a user root without a password and a database "test".
 *
 * @param scheme which driver: that of MariaDB, or that of MySQL
 * @param options of the driver
 */
record MariaDbDatabase(String scheme, String options) implements Database {

    private static final @Nullable Integer GIVEN_PORT = Integer.getInteger("fence.mysql.port");

    /** Whether there is a server to start. */
    static boolean isInstalled() {
        return GIVEN_PORT != null
                || Stream.of("mariadbd", "mariadb-install-db", "my_print_defaults")
                        .allMatch(name -> executable(name).isPresent());
    }

    private static Optional<Path> executable(String name) {
        Stream<String> path = Stream.of(System.getenv("PATH").split(":"));
        return Stream.concat(path, Stream.of("/usr/sbin", "/usr/local/sbin"))
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    @Override
    public FenceDialect dialect() {
        return FenceDialect.MYSQL;
    }

    @Override
    public String url() {
        return "jdbc:" + scheme + "://127.0.0.1:" + Server.PORT + "/test?allowPublicKeyRetrieval=true&" + options;
    }

    @Override
    public String user() {
        return "root";
    }

    @Override
    public String sessionQuery() {
        return "SELECT CONNECTION_ID()";
    }

    /** InnoDB's own tables say it only to who has not asked for 100 ms: that the statement has begun must do. */
    @Override
    public String waitingQuery() {
        return "SELECT 1 FROM information_schema.processlist WHERE id = %d AND command IN ('Query', 'Execute')";
    }

    @Override
    public String[] newUser(String name) {
        return new String[] {
            "DROP USER IF EXISTS " + name,
            "CREATE USER " + name + " IDENTIFIED BY 'secret'",
            // Or it could not even connect.
            "GRANT CREATE TEMPORARY TABLES ON test.* TO " + name
        };
    }

    private static final class Server {

        static final int PORT = GIVEN_PORT != null ? GIVEN_PORT : start();

        private static int start() {
            try {
                Path folder = Files.createTempDirectory("mariadb");
                Path data = folder.resolve("data");
                run(
                        folder,
                        executable("mariadb-install-db").orElseThrow().toString(),
                        "--no-defaults",
                        "--user=" + System.getProperty("user.name"),
                        "--datadir=" + data,
                        "--auth-root-authentication-method=normal",
                        "--skip-test-db");
                int port = freePort();
                Process process = started(
                        folder,
                        "log",
                        executable("mariadbd").orElseThrow().toString(),
                        "--no-defaults",
                        "--user=" + System.getProperty("user.name"),
                        "--datadir=" + data,
                        "--socket=" + folder.resolve("socket"),
                        "--pid-file=" + folder.resolve("pid"),
                        "--bind-address=127.0.0.1",
                        "--port=" + port,
                        "--skip-name-resolve",
                        "--innodb-flush-log-at-trx-commit=0",
                        "--innodb-lock-wait-timeout=60");
                Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(process, folder), "stop-mariadb"));
                String url = "jdbc:mariadb://127.0.0.1:" + port + "/";
                Await.until("MariaDB answers", () -> {
                    if (!process.isAlive()) {
                        throw new AssertionError("mariadbd ended: see " + folder.resolve("log"));
                    }
                    try (Connection connection = DriverManager.getConnection(url, "root", "")) {
                        return connection.createStatement().execute("CREATE DATABASE test CHARACTER SET latin1")
                                || true;
                    } catch (SQLException notYet) {
                        return false;
                    }
                });
                return port;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static void run(Path folder, String... command) throws IOException {
            Process process = started(folder, "install-log", command);
            try {
                if (!process.waitFor(120, TimeUnit.SECONDS) || process.exitValue() != 0) {
                    throw new AssertionError(
                            List.of(command) + " failed: " + Files.readString(folder.resolve("install-log")));
                }
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        /** Temporary files are its own: two servers that start at once in one folder remove those of each other. */
        private static Process started(Path folder, String log, String... command) throws IOException {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve(log).toFile());
            builder.environment().put("TMPDIR", folder.toString());
            return builder.start();
        }

        private static int freePort() throws IOException {
            try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            }
        }

        private static void stop(Process process, Path folder) {
            process.destroy();
            try {
                if (!process.waitFor(20, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                }
                try (Stream<Path> files = Files.walk(folder)) {
                    files.sorted(Comparator.reverseOrder())
                            .forEach(file -> file.toFile().delete());
                }
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
