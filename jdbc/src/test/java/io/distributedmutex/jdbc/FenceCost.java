package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** A program that measures what a check adds to a transaction of one UPDATE on PostgreSQL, for docs/fencing.md. No build runs it. */
class FenceCost {

    private static final int ROUNDS = 3_000;

    private final Database database = PostgresDatabase.shared();
    private final JdbcFence fence = JdbcFence.create();

    @Test
    void aCheckAddsOneRoundTrip() throws SQLException {
        database.reset();
        database.execute("INSERT INTO account VALUES (7, 0, 0)");
        // One after the other, so that what disturbs the machine disturbs all.
        long[] plain = new long[ROUNDS];
        long[] checked = new long[ROUNDS];
        long[] columned = new long[ROUNDS];
        try (Connection connection = database.begin()) {
            for (int warm = 0; warm < ROUNDS; warm++) {
                transact(connection, 0, false);
            }
            for (int round = 0; round < ROUNDS; round++) {
                plain[round] = transact(connection, round + 1, false);
                checked[round] = transact(connection, round + 1, true);
                columned[round] = column(connection, round + 1);
            }
        }
        System.out.printf(
                "one UPDATE on PostgreSQL, in us, median (90 %%): plain %s, with a check %s, with a column %s%n",
                shown(plain), shown(checked), shown(columned));
        assertThat(database.query("SELECT token FROM fencing_token")).isEqualTo(ROUNDS);
        assertThat(database.query("SELECT balance FROM account")).isEqualTo(3L * ROUNDS);
    }

    private long transact(Connection connection, int token, boolean checks) throws SQLException {
        long begin = System.nanoTime();
        if (checks) {
            fence.check(connection, "account:7", token);
        }
        try (PreparedStatement statement =
                connection.prepareStatement("UPDATE account SET balance = balance + ? WHERE id = ?")) {
            statement.setLong(1, token == 0 ? 0 : 1);
            statement.setInt(2, 7);
            statement.executeUpdate();
        }
        connection.commit();
        return System.nanoTime() - begin;
    }

    private static long column(Connection connection, int token) throws SQLException {
        long begin = System.nanoTime();
        try (PreparedStatement statement = connection.prepareStatement(
                "UPDATE account SET balance = balance + 1, fence = ? WHERE id = ? AND fence <= ?")) {
            statement.setLong(1, token);
            statement.setInt(2, 7);
            statement.setLong(3, token);
            assertThat(statement.executeUpdate()).isEqualTo(1);
        }
        connection.commit();
        return System.nanoTime() - begin;
    }

    private static String shown(long[] nanos) {
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2] / 1_000 + " (" + sorted[sorted.length * 9 / 10] / 1_000 + ")";
    }
}
