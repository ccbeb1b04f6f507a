package io.distributedmutex.jdbc;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** A database that tests run on. Tests of one JVM run one after the other, so they share its tables. */
interface Database {

    FenceDialect dialect();

    String url();

    /** The user that may do all. */
    String user();

    /** The id of the session, as a query. */
    String sessionQuery();

    /** A query with the id in its place, which has a row if the session waits for a lock. */
    String waitingQuery();

    /** Statements that make a user with the password "secret" who may do nothing. */
    String[] newUser(String name);

    default Connection connect() throws SQLException {
        return connect(user(), "");
    }

    default Connection connect(String user, String password) throws SQLException {
        return DriverManager.getConnection(url(), user, password);
    }

    /** A connection in a transaction at READ COMMITTED. */
    default Connection begin() throws SQLException {
        Connection connection = connect();
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        connection.setAutoCommit(false);
        return connection;
    }

    /** Makes the fence table anew, and a table of accounts. */
    default void reset() throws SQLException {
        execute(
                "DROP TABLE IF EXISTS fencing_token",
                JdbcFence.create().ddl(dialect()),
                "DROP TABLE IF EXISTS account",
                "CREATE TABLE account (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, fence BIGINT NOT NULL)");
    }

    default void execute(String... statements) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /** The first value of the first row, as a number; -1 if there is no row. */
    default long query(String sql) throws SQLException {
        try (Connection connection = connect()) {
            return query(connection, sql);
        }
    }

    static long query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getLong(1) : -1;
        }
    }
}
