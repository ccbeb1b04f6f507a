package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testing.Seeds;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random schedules of transactions at READ COMMITTED come out as the model of {@link Schedule} says, on real databases. */
class ScheduleTest {

    private static final int COUNT = 150;

    /** In the deep profile. */
    private static final int MORE = 1_000;

    @Nested
    class OnH2 extends Schedules {
        OnH2() {
            super(H2Database.open("schedules"));
        }
    }

    @Nested
    class OnPostgres extends Schedules {
        OnPostgres() {
            super(PostgresDatabase.shared());
        }
    }

    @Nested
    @FenceTest.OnInstalledMariaDb
    class OnMariaDb extends Schedules {
        OnMariaDb() {
            super(new MariaDbDatabase("mariadb", "useAffectedRows=false"));
        }
    }

    abstract static class Schedules {

        private final Database database;

        Schedules(Database database) {
            this.database = database;
        }

        @Test
        void nothingIsLostInAnyOrderOfSteps() throws SQLException {
            run(COUNT);
        }

        @Test
        @Tag("deep")
        void nothingIsLostInAnyOrderOfStepsOfAThousandSchedules() throws SQLException {
            run(MORE);
        }

        private void run(int count) throws SQLException {
            JdbcFence fence = JdbcFence.create();
            Schedule.Check check = (connection, resource, token) -> {
                try {
                    fence.check(connection, resource, token);
                    return true;
                } catch (StaleTokenException e) {
                    return false;
                }
            };
            int[] seen = run(check, Integer.getInteger("schedules.count", count));
            System.out.printf(
                    "%d schedules on %s: %d tokens refused, %d checks waited, %d deadlocks%n",
                    seen[0], database.dialect(), seen[1], seen[2], seen[3]);
            assertThat(seen[1]).isPositive();
            assertThat(seen[2]).isPositive();
            // InnoDB alone may find two that wait for the row of a transaction that rolls back, and ends one of them.
            assertThat(seen[3] == 0 || database.dialect() == FenceDialect.MYSQL).isTrue();
        }

        @Test
        void aCheckThatLooksAndThenWritesIsFoundOut() {
            String read = "SELECT MAX(token) FROM fencing_token WHERE resource_name = ?";
            Schedule.Check broken = (connection, resource, token) -> {
                try (PreparedStatement select = connection.prepareStatement(read)) {
                    if (database.dialect() == FenceDialect.POSTGRESQL) {
                        select.setString(1, resource);
                    } else {
                        select.setBytes(1, resource.getBytes(StandardCharsets.UTF_8));
                    }
                    try (ResultSet rows = select.executeQuery()) {
                        return rows.next() && rows.getLong(1) <= token;
                    }
                }
            };
            assertThatThrownBy(() -> run(broken, COUNT))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("whoever waits still does");
        }

        /** How many schedules ran, how many tokens were refused, how many checks waited, how many deadlocks there were. */
        private int[] run(Schedule.Check check, int count) throws SQLException {
            Schedule.makeAccounts(database);
            List<Session> sessions = new ArrayList<>();
            int[] seen = new int[4];
            try (Connection watcher = database.connect()) {
                for (int i = 0; i < Schedule.MOST_TRANSACTIONS; i++) {
                    sessions.add(new Session(database));
                }
                for (long seed = Seeds.first(); seed < Seeds.first() + count; seed++) {
                    Schedule schedule = new Schedule(database, watcher, sessions, check, seed);
                    try {
                        schedule.run();
                    } catch (AssertionError e) {
                        throw new AssertionError("seed " + seed + " (-Dseeds.from=" + seed + "): " + e.getMessage(), e);
                    }
                    seen[0]++;
                    seen[1] += schedule.refusals();
                    seen[2] += schedule.waits();
                    seen[3] += schedule.deadlocks();
                }
            } finally {
                for (Session session : sessions) {
                    session.close();
                }
            }
            return seen;
        }
    }
}
