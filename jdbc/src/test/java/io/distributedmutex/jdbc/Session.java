package io.distributedmutex.jdbc;

import io.distributedmutex.StaleTokenException;
import io.distributedmutex.testing.Await;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A connection with a thread of its own, so that a test goes on while a statement waits for a lock. */
final class Session implements AutoCloseable {

    private final Database database;
    private final Connection connection;
    private final long id;
    private final ExecutorService thread = Executors.newSingleThreadExecutor();

    Session(Database database) throws SQLException {
        this.database = database;
        this.connection = database.begin();
        this.id = Database.query(connection, database.sessionQuery());
        connection.rollback();
    }

    Connection connection() {
        return connection;
    }

    /** Begins to do something in the session. */
    <T> Future<T> begin(Callable<T> step) {
        return thread.submit(step);
    }

    /** Does something in the session, and returns when it is done. */
    <T> T call(Callable<T> step) {
        return result(begin(step));
    }

    /** Begins a check; the future has the exception if it throws. */
    Future<Boolean> beginCheck(JdbcFence fence, String resource, long token) {
        return begin(() -> {
            try {
                fence.check(connection, resource, token);
                return true;
            } catch (StaleTokenException e) {
                return false;
            }
        });
    }

    /** Whether the token was accepted. */
    boolean check(JdbcFence fence, String resource, long token) {
        return result(beginCheck(fence, resource, token));
    }

    void commit() {
        call(() -> {
            connection.commit();
            return true;
        });
    }

    void rollback() {
        call(() -> {
            connection.rollback();
            return true;
        });
    }

    /** Waits until the statement that the session began waits for a lock, or is done against all expectation. */
    void awaitWaiting(Connection watcher, Future<?> step) {
        Await.until("session " + id + " waits for a lock", () -> {
            try {
                return step.isDone() || Database.query(watcher, String.format(database.waitingQuery(), id)) == 1;
            } catch (SQLException e) {
                throw new AssertionError(e);
            }
        });
    }

    /** What a step gave, waited for with a bound. */
    static <T> T result(Future<T> step) {
        try {
            return step.get(Await.BOUND.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() throws SQLException {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(Await.BOUND.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError("session " + id + " does not end");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (!connection.isClosed()) {
            connection.rollback();
            connection.close();
        }
    }
}
