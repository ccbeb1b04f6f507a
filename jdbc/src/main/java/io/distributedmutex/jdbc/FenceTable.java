package io.distributedmutex.jdbc;

import io.distributedmutex.StaleTokenException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLSyntaxErrorException;
import java.sql.SQLTransactionRollbackException;
import java.util.OptionalLong;

/**
 * The table that remembers the greatest token of each resource, in one kind of database.
 *
 * <p>Each way to check a token keeps three rules. A token is compared with the newest committed one, not with that of a
 * snapshot. Whoever compared keeps the row locked until its transaction ends. And the answer can be told from the number of
 * rows alone, whatever the driver counts.
 *
 * <ul>
 *   <li>PostgreSQL locks the row of a conflict before it looks at the WHERE of the DO UPDATE, whether that is true or not.
 *   <li>MySQL counts 1 for a row that was inserted, 2 for one that was changed, and for one that was left as it is 0 or 1,
 *       depending on a flag that drivers set. One row could not be told apart; so it is given twice. A token that is
 *       accepted changes the row the second time, because of its counter. So 3 or 4 mean accepted; 0, 1 and 2 mean refused.
 *   <li>SQL Server has MERGE with HOLDLOCK, without which two transactions could both find no row. An INSERT that fails
 *       would not do there: with XACT_ABORT it ends the transaction.
 *   <li>Oracle and H2 have an UPDATE, which looks again at a row that it had to wait for; their MERGE promises no such
 *       thing. A resource's first token takes an INSERT besides.
 * </ul>
 */
final class FenceTable {

    /** How often a row may appear and vanish again under our eyes, or be hidden by an old snapshot, before we give up. */
    private static final int MOST_ATTEMPTS = 10;

    private final FenceDialect dialect;
    private final String name;
    private final String accept;
    private final String insert;
    private final String seen;

    /**
     * Makes the statements.
     *
     * @param name was checked: it goes into the statements as it is
     */
    FenceTable(FenceDialect dialect, String name) {
        this.dialect = dialect;
        this.name = name;
        this.insert = "INSERT INTO " + name + " (resource_name, token) VALUES (?, ?)";
        this.accept = switch (dialect) {
            case POSTGRESQL ->
                "INSERT INTO " + name + " AS fence (resource_name, token) VALUES (?, ?) ON CONFLICT (resource_name)"
                        + " DO UPDATE SET token = EXCLUDED.token WHERE fence.token <= EXCLUDED.token";
            case MYSQL ->
                "INSERT INTO " + name + " (resource_name, token, checks) VALUES (?, ?, 0), (?, ?, 0)"
                        + " ON DUPLICATE KEY UPDATE checks = checks + (token <= ?), token = GREATEST(token, ?)";
            case SQL_SERVER ->
                "MERGE INTO " + name + " WITH (UPDLOCK, HOLDLOCK) AS fence"
                        + " USING (SELECT CAST(? AS VARBINARY(1536)) AS resource_name, CAST(? AS BIGINT) AS token) AS given"
                        + " ON fence.resource_name = given.resource_name"
                        + " WHEN MATCHED AND fence.token <= given.token THEN UPDATE SET token = given.token"
                        + " WHEN NOT MATCHED THEN INSERT (resource_name, token)"
                        + " VALUES (given.resource_name, given.token);";
            case H2, ORACLE -> "UPDATE " + name + " SET token = ? WHERE resource_name = ? AND token <= ?";
        };
        this.seen = dialect == FenceDialect.SQL_SERVER
                ? "SELECT token FROM " + name + " WITH (UPDLOCK) WHERE resource_name = ?"
                : "SELECT token FROM " + name + " WHERE resource_name = ? FOR UPDATE";
    }

    /** The statement that makes the table. */
    static String ddl(FenceDialect dialect, String name) {
        return dialect.ddlStatement().replace(JdbcFence.DEFAULT_TABLE, name);
    }

    /**
     * Accepts or refuses a token.
     *
     * @throws StaleTokenException if the resource has seen a greater one
     * @throws SQLException if the database refused the statement, or the table cannot be the one of the DDL
     */
    void check(Connection connection, String resource, long token) throws SQLException {
        try {
            if (!accepts(connection, resource, token)) {
                throw refusal(connection, resource, token);
            }
        } catch (SQLException e) {
            throw explained(e);
        }
    }

    private boolean accepts(Connection connection, String resource, long token) throws SQLException {
        return switch (dialect) {
            case POSTGRESQL, SQL_SERVER -> execute(connection, accept, resource, token) == 1;
            case MYSQL -> execute(connection, accept, resource, token, resource, token, token, token) >= 3;
            case H2, ORACLE -> updatesOrInserts(connection, resource, token);
        };
    }

    private boolean updatesOrInserts(Connection connection, String resource, long token) throws SQLException {
        for (int attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
            int updated = execute(connection, accept, token, resource, token);
            if (updated != 0) {
                return updated == 1;
            }
            OptionalLong seen = seen(connection, resource);
            if (seen.isPresent() && seen.getAsLong() > token) {
                return false;
            }
            if (seen.isEmpty() && inserts(connection, resource, token, attempt == MOST_ATTEMPTS)) {
                return true;
            }
        }
        return false;
    }

    /** Makes the row unless somebody else was first: that statement is undone then, and the transaction goes on. */
    private boolean inserts(Connection connection, String resource, long token, boolean isLastAttempt)
            throws SQLException {
        try {
            return execute(connection, insert, resource, token) == 1;
        } catch (SQLException e) {
            if (!isDuplicate(e)) {
                throw e;
            }
            if (isLastAttempt) {
                throw new SQLTransactionRollbackException(
                        "another transaction made the resource's row in '" + name
                                + "' after the snapshot of this one; roll back and repeat the transaction: "
                                + e.getMessage(),
                        "40001",
                        e);
            }
            return false;
        }
    }

    /** H2's code, and Oracle's. */
    private static boolean isDuplicate(SQLException error) {
        return error.getErrorCode() == 23505 || error.getErrorCode() == 1;
    }

    private RuntimeException refusal(Connection connection, String resource, long token) throws SQLException {
        OptionalLong seen = seen(connection, resource);
        if (seen.isPresent() && seen.getAsLong() > token) {
            return new StaleTokenException(resource, token, seen.getAsLong());
        }
        throw new SQLException(TableTrouble.MISSHAPEN.shown(dialect, name)
                + ", or something hides the number of rows that a statement changes: "
                + token + " was not accepted, although "
                + (seen.isPresent() ? "the greatest that was seen is " + seen.getAsLong() : "none was seen"));
    }

    /** What the resource has seen as committed, and by this transaction; the row stays locked. */
    private OptionalLong seen(Connection connection, String resource) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(seen)) {
            bind(statement, resource);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? OptionalLong.of(rows.getLong(1)) : OptionalLong.empty();
            }
        }
    }

    private int execute(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            bind(statement, values);
            return statement.executeUpdate();
        }
    }

    /** Binds names and tokens. */
    private void bind(PreparedStatement statement, Object... values) throws SQLException {
        for (int i = 0; i < values.length; i++) {
            if (values[i] instanceof Long token) {
                statement.setLong(i + 1, token);
            } else if (dialect == FenceDialect.POSTGRESQL) {
                statement.setString(i + 1, (String) values[i]);
            } else {
                statement.setBytes(i + 1, ((String) values[i]).getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    /** The same error, with what it means for the fence before it. */
    private SQLException explained(SQLException error) {
        return TableTrouble.of(dialect, error)
                .<SQLException>map(trouble -> new SQLSyntaxErrorException(
                        trouble.shown(dialect, name) + ": " + error.getMessage(),
                        error.getSQLState(),
                        error.getErrorCode(),
                        error))
                .orElse(error);
    }
}
