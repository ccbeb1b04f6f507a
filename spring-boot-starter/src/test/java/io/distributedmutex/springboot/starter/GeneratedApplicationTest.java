package io.distributedmutex.springboot.starter;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.FutureTask;
import org.h2.tools.Server;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two instances of an application that is made of the README's service and nothing else of ours, under load, while Redis is stopped
 * and started, one instance is killed and the other is told to end.
 *
 * <p>An increment reads, writes a line that has the request's id, and writes what it read plus one, in one transaction under the
 * lock. So the count equals the number of lines unless two increments ran at once; and a line is there once for each request whose
 * transaction was committed, also where the process was killed before it could answer.
 */
@Tag("deep") // Starts processes, and waits for the lease of one that was killed.
@WithRedis(dataKept = true)
class GeneratedApplicationTest {

    private static final int CONTENDED = 1;
    private static final int HELD_BY_THE_KILLED = 2;
    private static final int UNLOCKED = 3;

    private static final String DATABASE = "mem:counted";

    @TempDir
    private Path folder;

    private Connection database;
    private Server server;

    @BeforeEach
    void startDatabase() throws SQLException {
        database = DriverManager.getConnection("jdbc:h2:" + DATABASE);
        execute("CREATE TABLE counter (tenant INT PRIMARY KEY, n INT NOT NULL)");
        // No unique constraint: an increment that happens twice must be seen, not prevented.
        execute("CREATE TABLE done (tenant INT NOT NULL, id VARCHAR NOT NULL)");
        execute("INSERT INTO counter VALUES (1, 0), (2, 0), (3, 0)");
        server = Server.createTcpServer("-tcpPort", "0").start();
    }

    @AfterEach
    void stopDatabase() throws SQLException {
        server.stop();
        execute("SHUTDOWN");
    }

    private void execute(String sql) throws SQLException {
        database.createStatement().execute(sql);
    }

    private int count(int tenant) throws SQLException {
        ResultSet row = database.createStatement().executeQuery("SELECT n FROM counter WHERE tenant = " + tenant);
        row.next();
        return row.getInt(1);
    }

    /** The ids of all requests that were carried out, one that was carried out twice twice. */
    private List<String> done(int tenant) throws SQLException {
        List<String> ids = new ArrayList<>();
        ResultSet rows = database.createStatement().executeQuery("SELECT id FROM done WHERE tenant = " + tenant);
        while (rows.next()) {
            ids.add(rows.getString(1));
        }
        return ids;
    }

    private static String lockKey(int tenant) {
        return "lock:tenant:" + tenant + ":settings";
    }

    private static List<?> keys(EmbeddedRedis redis) {
        return (List<?>) redis.command("KEYS", "*");
    }

    @Test
    void noIncrementIsLostOrDoubledWhateverDies(EmbeddedRedis redis) throws Exception {
        GeneratedApplication application = GeneratedApplication.in(
                folder,
                "distributed-mutex.redis.command-timeout=30s",
                "distributed-mutex.lease-time=10s",
                "distributed-mutex.wait-time=50s",
                "management.endpoint.health.show-details=always",
                "spring.datasource.url=jdbc:h2:tcp://127.0.0.1:" + server.getPort() + "/" + DATABASE);
        Map<String, String> environment = Map.of("DISTRIBUTEDMUTEX_REDIS_URI", redis.uri());
        try (ApplicationProcess one = application.start("one", environment);
                ApplicationProcess two = application.start("two", environment)) {
            for (ApplicationProcess each : List.of(one, two)) {
                each.awaitStart();
                assertThat(each.log()).contains("(v" + System.getProperty("boot.expected") + ")");
                each.awaitHealth(200, "\"distributedMutex\":{");
            }
            withoutTheLockIncrementsAreLost(one, two);

            try (Load onOne = Load.on(one, "/locked/" + CONTENDED, 3, 1);
                    Load onTwo = Load.on(two, "/locked/" + CONTENDED, 3, 1)) {
                onOne.awaitMore(50);
                onTwo.awaitMore(50);

                redis.stop();
                one.awaitHealth(503, "\"distributedMutex\":{");
                redis.restart();
                one.awaitHealth(200, "\"distributedMutex\":{");
                two.awaitHealth(200, "\"distributedMutex\":{");
                onOne.awaitMore(50);
                onTwo.awaitMore(50);

                whatTheKilledHeldIsFreeWhenItsLeaseEnds(two, one, redis);
                onTwo.close();
                onOne.awaitMore(50);

                // As the shell says it: 128 + SIGTERM.
                assertThat(one.terminate()).as(one.log()).isEqualTo(143);
                assertThat(keys(redis))
                        .isNotEmpty()
                        .allSatisfy(key -> assertThat((String) key).matches("dmutex:\\{[0-9a-z]+}:fence"));
                onOne.close();

                List<String> done = done(CONTENDED);
                assertThat(done)
                        .doesNotHaveDuplicates()
                        .containsAll(onOne.answered())
                        .containsAll(onTwo.answered());
                assertThat(count(CONTENDED)).isEqualTo(done.size());
                Set<String> unanswered = new HashSet<>(done);
                unanswered.removeAll(onOne.answered());
                unanswered.removeAll(onTwo.answered());
                assertThat(onTwo.unanswered())
                        .as("only who was killed has done what it did not answer")
                        .containsAll(unanswered);
                assertThat(onOne.refused()).isEmpty();
                assertThat(onTwo.refused()).isEmpty();
            }
        }
    }

    /** What all else would be worth nothing without: this load loses increments, and that is noticed. */
    private void withoutTheLockIncrementsAreLost(ApplicationProcess one, ApplicationProcess two) throws Exception {
        try (Load onOne = Load.on(one, "/unlocked/" + UNLOCKED, 3, 1);
                Load onTwo = Load.on(two, "/unlocked/" + UNLOCKED, 3, 1)) {
            onOne.awaitMore(30);
            onTwo.awaitMore(30);
        }
        assertThat(count(UNLOCKED)).isLessThan(done(UNLOCKED).size());
    }

    private void whatTheKilledHeldIsFreeWhenItsLeaseEnds(
            ApplicationProcess killed, ApplicationProcess survivor, EmbeddedRedis redis) throws Exception {
        Load holds = Load.on(killed, "/locked/" + HELD_BY_THE_KILLED, 1, 60_000);
        Await.until("the key to be held", () -> keys(redis).contains(lockKey(HELD_BY_THE_KILLED)));
        killed.kill();
        holds.close();

        try (Stalls stalls = Stalls.watchMachine()) {
            long asked = System.nanoTime();
            long leftMillis = (Long) redis.command("PTTL", lockKey(HELD_BY_THE_KILLED));
            assertThat(leftMillis).isPositive();
            FutureTask<Integer> next =
                    new FutureTask<>(() -> survivor.post("/locked/" + HELD_BY_THE_KILLED + "/next?thinkMillis=0"));
            new Thread(next).start();
            assertThat(next.get()).isEqualTo(200);
            long tookMillis = (System.nanoTime() - asked) / 1_000_000;
            assertThat(tookMillis).isBetween(leftMillis, leftMillis + 3_000 + stalls.allowanceMillis());
        }
        assertThat(done(HELD_BY_THE_KILLED)).containsExactly("next");
        assertThat(count(HELD_BY_THE_KILLED)).isEqualTo(1);
    }
}
