package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.ChildProcess;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.sql.Connection;
import java.sql.SQLException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two processes take turns by a lock on Redis. One is stopped beyond its lease, and goes on when the other has the lock. */
class StoppedHolderTest {

    private static final int LEASE_MILLIS = 4_000;

    @Nested
    @WithRedis
    @Tag("deep")
    class OnPostgres extends StoppedHolder {
        OnPostgres(EmbeddedRedis redis) {
            super(redis, PostgresDatabase.shared());
        }

        /** PostgreSQL ends the session of the stopped process, so that the other need not wait for it. */
        @Test
        void stoppedWithinItsTransactionItHasWrittenNothingIfTheDatabaseEndedItsSession() throws Exception {
            try (ChildProcess first = contender();
                    ChildProcess second = contender()) {
                first.ask("execute SET SESSION idle_in_transaction_session_timeout = '10s'", "executed");
                first.ask("commit", "committed");
                first.ask("acquire " + LEASE_MILLIS, "acquired");
                first.ask("check", "checked");
                first.ask("add 1", "added");
                first.signal("STOP");
                second.ask("acquire 60000", "acquired");
                second.ask("check", "checked");
                second.ask("add 10", "added");
                second.ask("commit", "committed");
                first.signal("CONT");
                first.ask("commit", "failed");
                assertThat(balance()).isEqualTo(10);
            }
        }
    }

    @Nested
    @WithRedis
    @FenceTest.OnInstalledMariaDb
    class OnMariaDb extends StoppedHolder {
        OnMariaDb(EmbeddedRedis redis) {
            super(redis, new MariaDbDatabase("mariadb", "useAffectedRows=false"));
        }
    }

    abstract static class StoppedHolder {

        private final EmbeddedRedis redis;
        private final Database database;

        StoppedHolder(EmbeddedRedis redis, Database database) {
            this.redis = redis;
            this.database = database;
        }

        @BeforeEach
        void makeAccount() throws SQLException {
            database.reset();
            database.execute("INSERT INTO account VALUES (7, 0, 0)");
        }

        ChildProcess contender() {
            return ContenderProcess.start(redis.uri(), database);
        }

        long balance() throws SQLException {
            return database.query("SELECT balance FROM account WHERE id = 7");
        }

        @Test
        void stoppedBeforeItsTransactionItsTokenIsRefusedAndNothingIsLost() throws Exception {
            try (ChildProcess first = contender();
                    ChildProcess second = contender()) {
                String[] earlier = first.ask("acquire " + LEASE_MILLIS, "acquired");
                assertThat(earlier[2]).as("valid").isEqualTo("true");
                first.signal("STOP");
                String[] later = second.ask("acquire 60000", "acquired");
                second.ask("check", "checked");
                second.ask("add 10", "added");
                second.ask("commit", "committed");
                first.signal("CONT");
                assertThat(first.ask("check", "stale")).containsExactly("stale", earlier[1], later[1]);
                assertThat(balance()).isEqualTo(10);
                second.ask("check", "checked");
                second.ask("add 10", "added");
                second.ask("commit", "committed");
                assertThat(balance()).isEqualTo(20);
            }
        }

        @Test
        void stoppedBetweenItsCheckAndItsWriteItKeepsItsTurnAndNothingIsLost() throws Exception {
            try (ChildProcess first = contender();
                    ChildProcess second = contender();
                    Connection watcher = database.connect()) {
                first.ask("acquire " + LEASE_MILLIS, "acquired");
                first.ask("check", "checked");
                first.signal("STOP");
                second.ask("acquire 60000", "acquired");
                String session = second.ask("session", "session")[1];
                second.tell("check");
                String waits = String.format(database.waitingQuery(), Long.parseLong(session));
                Await.until(() -> Database.query(watcher, waits) == 1);
                assertThat(second.isSilent()).isTrue();
                first.signal("CONT");
                first.ask("add 1", "added");
                assertThat(second.isSilent()).isTrue();
                first.ask("commit", "committed");
                second.expectNext("checked");
                second.ask("add 10", "added");
                second.ask("commit", "committed");
                assertThat(balance()).isEqualTo(11);
                first.ask("check", "stale");
                assertThat(balance()).isEqualTo(11);
            }
        }
    }
}
