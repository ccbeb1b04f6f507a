package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.StaleTokenException;
import io.distributedmutex.testing.Seeds;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random schedules of transactions at READ COMMITTED come out as the model of {@link Schedule} says, on real databases. */
class ScheduleTest {

    private static final int COUNT = 75;

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
            run(table(), COUNT);
        }

        @Test
        @Tag("deep")
        void nothingIsLostInAnyOrderOfStepsOfAThousandSchedules() throws SQLException {
            run(table(), MORE);
        }

        @Test
        void nothingIsLostIfTheFenceIsAColumnOfTheAccount() throws SQLException {
            run(new ColumnFence(), COUNT);
        }

        @Test
        void aFenceThatLooksWithoutLockingIsFoundOut() {
            assertThatThrownBy(() -> run(new LooseFence(), COUNT))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("whoever waits still does");
        }

        private Schedule.Fence table() {
            return new TableFence(JdbcFence.create(), database.dialect() == FenceDialect.H2);
        }

        private void run(Schedule.Fence fence, int count) throws SQLException {
            int[] seen = runAll(fence, Integer.getInteger("schedules.count", count));
            System.out.printf(
                    "%d schedules on %s, %s: %d tokens refused, %d checks waited, %d deadlocks%n",
                    seen[0], database.dialect(), fence.getClass().getSimpleName(), seen[1], seen[2], seen[3]);
            assertThat(seen[1]).isPositive();
            assertThat(seen[2]).isPositive();
            // InnoDB alone may find two that wait for the row of a transaction that rolls back, and ends one of them.
            assertThat(seen[3] == 0 || database.dialect() == FenceDialect.MYSQL).isTrue();
        }

        /** How many schedules ran, how many tokens were refused, how many checks waited, how many deadlocks there were. */
        private int[] runAll(Schedule.Fence fence, int count) throws SQLException {
            Schedule.makeAccounts(database);
            List<Session> sessions = new ArrayList<>();
            int[] seen = new int[4];
            try (Connection watcher = database.connect()) {
                for (int i = 0; i < Schedule.MOST_TRANSACTIONS; i++) {
                    sessions.add(new Session(database));
                }
                for (long seed = Seeds.first(); seed < Seeds.first() + count; seed++) {
                    Schedule schedule = new Schedule(database, watcher, sessions, fence, seed);
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

    /** What {@link JdbcFence} does. */
    private record TableFence(JdbcFence fence, boolean namesAreBytes) implements Schedule.Fence {

        @Override
        public boolean accepts(Connection connection, int account, long token) throws SQLException {
            try {
                fence.check(connection, "account:" + account, token);
                return true;
            } catch (StaleTokenException e) {
                return false;
            }
        }

        @Override
        public String committedToken(int account) {
            return "SELECT token FROM fencing_token WHERE "
                    + (namesAreBytes ? "UTF8TOSTRING(resource_name)" : "resource_name") + " = 'account:" + account
                    + "'";
        }
    }

    /** The other form: each row of the application's own has the token that wrote it. */
    private static final class ColumnFence implements Schedule.Fence {

        @Override
        public boolean accepts(Connection connection, int account, long token) throws SQLException {
            try (PreparedStatement statement =
                    connection.prepareStatement("UPDATE account SET fence = ? WHERE id = ? AND fence <= ?")) {
                statement.setLong(1, token);
                statement.setInt(2, account);
                statement.setLong(3, token);
                return statement.executeUpdate() == 1;
            }
        }

        @Override
        public String committedToken(int account) {
            return "SELECT fence FROM account WHERE id = " + account;
        }
    }

    /** What many would write by hand. */
    private static final class LooseFence implements Schedule.Fence {

        @Override
        public boolean accepts(Connection connection, int account, long token) throws SQLException {
            return Database.query(connection, committedToken(account)) <= token;
        }

        @Override
        public String committedToken(int account) {
            return "SELECT fence FROM account WHERE id = " + account;
        }
    }
}
