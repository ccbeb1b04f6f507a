package io.distributedmutex.jdbc;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.ChildProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * The main class of a process that adds to an account under a lock, step by step as it is told on standard input. It
 * answers on standard output.
 */
final class ContenderProcess {

    private static final String RESOURCE = "account:7";

    private final DistributedMutex mutex;
    private final Connection connection;
    private final String sessionQuery;
    private final JdbcFence fence = JdbcFence.create();
    private Lease lease;

    private ContenderProcess(DistributedMutex mutex, Connection connection, String sessionQuery) {
        this.mutex = mutex;
        this.connection = connection;
        this.sessionQuery = sessionQuery;
    }

    /** Starts one, and waits until it can be told what to do. */
    static ChildProcess start(String redisUri, Database database) {
        ChildProcess process = ChildProcess.start(
                ContenderProcess.class, redisUri, database.url(), database.user(), database.sessionQuery());
        process.expectNext("ready");
        return process;
    }

    public static void main(String[] arguments) throws IOException, SQLException {
        try (DistributedMutex mutex = RedisMutex.connect(arguments[0]);
                Connection connection = DriverManager.getConnection(arguments[1], arguments[2], "")) {
            connection.setAutoCommit(false);
            ContenderProcess process = new ContenderProcess(mutex, connection, arguments[3]);
            say("ready");
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                process.obey(line.split(" ", 2));
            }
        }
    }

    private void obey(String[] words) {
        try {
            switch (words[0]) {
                case "acquire" -> {
                    lease = mutex.with(options -> options.leaseTime(Duration.ofMillis(Long.parseLong(words[1])))
                                    .waitTime(Duration.ofSeconds(30)))
                            .acquire(RESOURCE);
                    say("acquired " + lease.fencingToken() + " " + lease.isValid());
                }
                case "session" -> {
                    say("session " + Database.query(connection, sessionQuery));
                    connection.rollback();
                }
                case "execute" -> {
                    execute(words[1]);
                    say("executed");
                }
                // By the token alone: the lease would know that it is lost.
                case "check" -> {
                    fence.check(connection, RESOURCE, lease.fencingToken());
                    say("checked");
                }
                case "add" -> {
                    long balance = Database.query(connection, "SELECT balance FROM account WHERE id = 7");
                    execute("UPDATE account SET balance = " + (balance + Long.parseLong(words[1])) + " WHERE id = 7");
                    say("added");
                }
                case "commit" -> {
                    connection.commit();
                    say("committed");
                }
                default -> throw new IllegalArgumentException(words[0]);
            }
        } catch (StaleTokenException e) {
            rollback();
            say("stale " + e.token() + " " + e.seenToken());
        } catch (SQLException e) {
            rollback();
            say("failed " + e.getSQLState());
        }
    }

    private void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void rollback() {
        try {
            connection.rollback();
        } catch (SQLException e) {
            // The database has ended the session.
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
