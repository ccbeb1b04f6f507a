package io.distributedmutex.jdbc;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/**
 * H2 in the memory of this JVM.
 *
 * @param kept the connection that keeps it there
 */
record H2Database(String name, Connection kept) implements Database {

    static H2Database open(String name) {
        try {
            return new H2Database(name, DriverManager.getConnection("jdbc:h2:mem:" + name, "sa", ""));
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public FenceDialect dialect() {
        return FenceDialect.H2;
    }

    @Override
    public String url() {
        return "jdbc:h2:mem:" + name + ";LOCK_TIMEOUT=60000";
    }

    @Override
    public String user() {
        return "sa";
    }

    @Override
    public String sessionQuery() {
        return "SELECT SESSION_ID()";
    }

    /** An INSERT that waits for another one is tried again and again, and shows no blocker: that it has begun must do. */
    @Override
    public String waitingQuery() {
        return "SELECT 1 FROM INFORMATION_SCHEMA.SESSIONS WHERE SESSION_ID = %d AND EXECUTING_STATEMENT IS NOT NULL";
    }

    @Override
    public String[] newUser(String name) {
        return new String[] {"DROP USER IF EXISTS " + name, "CREATE USER " + name + " PASSWORD 'secret'"};
    }
}
