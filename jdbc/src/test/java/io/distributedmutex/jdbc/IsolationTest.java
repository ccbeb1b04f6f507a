package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.distributedmutex.StaleTokenException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.List;
import java.util.concurrent.Future;
import org.h2.engine.Constants;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a check does in transactions that are isolated by more than READ COMMITTED. */
class IsolationTest {

    private static final String RESOURCE = "account:7";
    private static final String BALANCE = "SELECT balance FROM account WHERE id = 7";

    private final JdbcFence fence = JdbcFence.create();

    private static void makeTables(Database database) throws SQLException {
        database.reset();
        database.execute("INSERT INTO account VALUES (7, 0, 0)");
    }

    /** A transaction that read, then was overtaken by one with an earlier token, then checks a later one. */
    private static Connection overtaken(Database database, JdbcFence fence, int isolation) throws SQLException {
        Connection connection = database.begin();
        connection.rollback();
        connection.setTransactionIsolation(isolation);
        assertThat(Database.query(connection, BALANCE)).isZero();
        try (Connection earlier = database.begin()) {
            fence.check(earlier, RESOURCE, 41);
            earlier.createStatement().execute("UPDATE account SET balance = 100 WHERE id = 7");
            earlier.commit();
        }
        return connection;
    }

    @Nested
    class OnH2 {

        private final Database database = H2Database.open("isolation");

        @BeforeEach
        void makeTables() throws SQLException {
            IsolationTest.makeTables(database);
        }

        @ParameterizedTest
        @CsvSource({"6, true", "8, true", "6, false", "8, false"})
        void aTransactionWithASnapshotOlderThanTheRowIsRefusedToBeRepeated(int isolation, boolean isNew)
                throws SQLException {
            assertThat(List.of(Constants.TRANSACTION_SNAPSHOT, Connection.TRANSACTION_SERIALIZABLE))
                    .contains(isolation);
            if (!isNew) {
                checkEarlierToken();
            }
            try (Connection connection = overtaken(database, fence, isolation)) {
                SQLException failure =
                        catchThrowableOfType(SQLException.class, () -> fence.check(connection, RESOURCE, 42));
                assertThat(failure.getSQLState()).isEqualTo("40001");
                connection.rollback();
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE)).isEqualTo(100);
                connection.commit();
            }
        }

        /** At this level H2 has a snapshot of each table, as of the first access to it. */
        @Test
        void aCheckThatIsNotFirstDoesNotProtectWhatWasReadAtRepeatableRead() throws SQLException {
            checkEarlierToken();
            try (Connection connection = overtaken(database, fence, Connection.TRANSACTION_REPEATABLE_READ)) {
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE))
                        .as("the snapshot's")
                        .isZero();
                connection.rollback();
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE)).isEqualTo(100);
                connection.rollback();
            }
        }

        private void checkEarlierToken() throws SQLException {
            try (Connection first = database.begin()) {
                fence.check(first, RESOURCE, 40);
                first.commit();
            }
        }
    }

    @Nested
    class OnPostgres {

        private final Database database = PostgresDatabase.shared();

        @BeforeEach
        void makeTables() throws SQLException {
            IsolationTest.makeTables(database);
        }

        @ParameterizedTest
        @ValueSource(ints = {Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE})
        void aTransactionWithASnapshotOlderThanTheRowIsEndedByTheDatabase(int isolation) throws SQLException {
            try (Connection connection = overtaken(database, fence, isolation)) {
                SQLException failure =
                        catchThrowableOfType(SQLException.class, () -> fence.check(connection, RESOURCE, 42));
                assertThat(failure.getSQLState()).isEqualTo("40001");
                assertThat((Throwable) failure).hasMessageContaining("could not serialize access");
                connection.rollback();
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE)).isEqualTo(100);
                connection.commit();
            }
        }

        @Test
        void atReadCommittedWhatIsReadAfterTheCheckIsTheNewest() throws SQLException {
            try (Connection connection = overtaken(database, fence, Connection.TRANSACTION_READ_COMMITTED)) {
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE)).isEqualTo(100);
                connection.commit();
            }
        }

        @Test
        void aRollbackToASavepointUndoesTheCheckToo() throws SQLException {
            try (Connection connection = database.begin()) {
                Savepoint before = connection.setSavepoint();
                fence.check(connection, RESOURCE, 42);
                connection.rollback(before);
                connection.commit();
                fence.check(connection, RESOURCE, 41);
                connection.rollback();
            }
        }

        @Test
        void aCheckWaitsNoLongerThanTheDatabaseIsTold() throws SQLException {
            try (Session one = new Session(database);
                    Session other = new Session(database);
                    Connection watcher = database.connect()) {
                assertThat(one.check(fence, RESOURCE, 41)).isTrue();
                other.call(() -> other.connection().createStatement().execute("SET LOCAL lock_timeout = '200ms'"));
                Future<SQLException> failure = other.begin(() ->
                        catchThrowableOfType(SQLException.class, () -> fence.check(other.connection(), RESOURCE, 42)));
                other.awaitWaiting(watcher, failure);
                assertThat(Session.result(failure).getSQLState()).isEqualTo("55P03");
                other.rollback();
                one.commit();
            }
        }
    }

    @Nested
    @FenceTest.OnInstalledMariaDb
    class OnMariaDb {

        private final Database database = new MariaDbDatabase("mariadb", "useAffectedRows=false");

        @BeforeEach
        void makeTables() throws SQLException {
            IsolationTest.makeTables(database);
        }

        @Test
        void aCheckThatIsNotFirstDoesNotProtectWhatWasRead() throws SQLException {
            try (Connection connection = overtaken(database, fence, Connection.TRANSACTION_REPEATABLE_READ)) {
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE))
                        .as("the snapshot's")
                        .isZero();
                assertThat(Database.query(connection, BALANCE + " FOR UPDATE")).isEqualTo(100);
                connection.rollback();
            }
        }

        @Test
        void aCheckThatIsFirstDoes() throws SQLException {
            try (Connection connection = overtaken(database, fence, Connection.TRANSACTION_REPEATABLE_READ)) {
                connection.rollback();
                fence.check(connection, RESOURCE, 42);
                assertThat(Database.query(connection, BALANCE)).isEqualTo(100);
                connection.rollback();
            }
        }

        @Test
        void anEarlierTokenIsRefusedThoughTheSnapshotIsOlderThanTheLater() throws SQLException {
            try (Connection connection = overtaken(database, fence, Connection.TRANSACTION_REPEATABLE_READ)) {
                StaleTokenException refusal =
                        catchThrowableOfType(StaleTokenException.class, () -> fence.check(connection, RESOURCE, 40));
                assertThat(refusal.seenToken()).isEqualTo(41);
                connection.rollback();
            }
        }
    }
}
