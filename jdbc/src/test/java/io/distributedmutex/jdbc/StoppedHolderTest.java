package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two processes take turns by a lock on Redis. One is stopped beyond its lease, and goes on when the other has the lock. */
class StoppedHolderTest {

    private static final int LEASE_MILLIS = 1_000;

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
            try (Contender first = contender();
                    Contender second = contender()) {
                first.tell("execute SET SESSION idle_in_transaction_session_timeout = '1500ms'", "executed");
                first.tell("commit", "committed");
                first.tell("acquire " + LEASE_MILLIS, "acquired");
                first.tell("check", "checked");
                first.tell("add 1", "added");
                first.signal("STOP");
                second.tell("acquire 60000", "acquired");
                second.tell("check", "checked");
                second.tell("add 10", "added");
                second.tell("commit", "committed");
                first.signal("CONT");
                first.tell("commit", "failed");
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

        Contender contender() throws IOException {
            return new Contender(redis.uri(), database);
        }

        long balance() throws SQLException {
            return database.query("SELECT balance FROM account WHERE id = 7");
        }

        @Test
        void stoppedBeforeItsTransactionItsTokenIsRefusedAndNothingIsLost() throws Exception {
            try (Contender first = contender();
                    Contender second = contender()) {
                String[] earlier = first.tell("acquire " + LEASE_MILLIS, "acquired");
                assertThat(earlier[2]).as("valid").isEqualTo("true");
                first.signal("STOP");
                String[] later = second.tell("acquire 60000", "acquired");
                second.tell("check", "checked");
                second.tell("add 10", "added");
                second.tell("commit", "committed");
                first.signal("CONT");
                assertThat(first.tell("check", "stale")).containsExactly("stale", earlier[1], later[1]);
                assertThat(balance()).isEqualTo(10);
                second.tell("check", "checked");
                second.tell("add 10", "added");
                second.tell("commit", "committed");
                assertThat(balance()).isEqualTo(20);
            }
        }

        @Test
        void stoppedBetweenItsCheckAndItsWriteItKeepsItsTurnAndNothingIsLost() throws Exception {
            try (Contender first = contender();
                    Contender second = contender();
                    Connection watcher = database.connect()) {
                first.tell("acquire " + LEASE_MILLIS, "acquired");
                first.tell("check", "checked");
                first.signal("STOP");
                second.tell("acquire 60000", "acquired");
                second.begin("check");
                String waits = String.format(database.waitingQuery(), second.session());
                Await.until(() -> Database.query(watcher, waits) == 1);
                assertThat(second.isSilent()).isTrue();
                first.signal("CONT");
                first.tell("add 1", "added");
                assertThat(second.isSilent()).isTrue();
                first.tell("commit", "committed");
                second.expect("checked");
                second.tell("add 10", "added");
                second.tell("commit", "committed");
                assertThat(balance()).isEqualTo(11);
                first.tell("check", "stale");
                assertThat(balance()).isEqualTo(11);
            }
        }
    }
}
