package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.jdbc.JdbcFence;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Objects;
import javax.sql.DataSource;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.ConnectionCallback;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Refuses the writes of a holder that has been overtaken, in Spring's transactions: what {@link JdbcFence} checks, on the connection
 * of the transaction that this thread is in.
 *
 * <pre>{@code
 * @Service
 * class Balances {
 *     private final TransactionFence fence;
 *
 *     Balances(javax.sql.DataSource dataSource) {
 *         fence = new TransactionFence(dataSource, JdbcFence.create());
 *     }
 *
 *     @Transactional
 *     @DistributedLock(key = "'account:' + #id")
 *     public void increment(int id) {
 *         fence.check();       // first: it locks the account's row of the fence until the transaction ends
 *         // then read, compute, write
 *     }
 * }
 * }</pre>
 *
 * <p>It must come before the first read, in each transaction, and outside of nested ones; {@link JdbcFence} says why. An exception
 * that it throws rolls the transaction back, as Spring does at any unchecked exception, unless it is caught.
 *
 * <p>Needs {@code distributed-mutex-jdbc} and {@code spring-jdbc}, which are optional. Thread-safe.
 */
public final class TransactionFence {

    private final DataSource dataSource;
    private final JdbcFence fence;
    private final JdbcTemplate jdbc;

    /**
     * A fence for the transactions of a data source.
     *
     * @param dataSource that of the transaction manager
     * @param fence what checks
     */
    public TransactionFence(DataSource dataSource, JdbcFence fence) {
        this.dataSource = withoutProxy(Objects.requireNonNull(dataSource, "dataSource"));
        this.fence = Objects.requireNonNull(fence, "fence");
        this.jdbc = new JdbcTemplate(this.dataSource);
    }

    /** As Spring's transaction managers do, whose connections belong to what is behind the proxy. */
    private static DataSource withoutProxy(DataSource dataSource) {
        DataSource target =
                dataSource instanceof TransactionAwareDataSourceProxy proxy ? proxy.getTargetDataSource() : null;
        return target == null ? dataSource : target;
    }

    /**
     * Accepts the fencing token of the {@linkplain CurrentLease current lease} for the resource that is named as its key, or refuses
     * it: see {@link #check(String, Lease)}.
     *
     * @throws StaleTokenException if a greater token was seen
     * @throws LeaseLostException if the lease is known to be lost, without asking the database
     * @throws IllegalStateException if this thread runs no method with {@link DistributedLock}, or is in no transaction of the
     *     data source
     * @throws DataAccessException if the database failed, or the table is missing, denied or misshapen
     */
    public void check() {
        check(CurrentLease.get());
    }

    /**
     * Accepts a lease's fencing token for the resource that is named as its key, or refuses it: see {@link #check(String, Lease)}.
     *
     * @param lease a lease that is valid still
     * @throws StaleTokenException if a greater token was seen
     * @throws LeaseLostException if the lease is known to be lost or released, without asking the database
     * @throws IllegalStateException if this thread is in no transaction of the data source
     * @throws DataAccessException if the database failed, or the table is missing, denied or misshapen
     */
    public void check(Lease lease) {
        check(lease.key(), lease);
    }

    /**
     * Accepts a lease's fencing token for a resource and remembers it, or refuses it if the resource has seen a greater one, in the
     * transaction of this thread.
     *
     * @param resource always the same one for the lease's key: tokens of different keys cannot be compared
     * @param lease a lease that is valid still
     * @throws StaleTokenException if the resource has seen a greater token
     * @throws LeaseLostException if the lease is known to be lost or released, without asking the database
     * @throws IllegalArgumentException if the resource's name is empty or too long, or is no text
     * @throws IllegalStateException if this thread is in no transaction of the data source
     * @throws DataAccessException if the database failed, or the table is missing, denied or misshapen; with the cause that
     *     {@link JdbcFence} threw
     */
    public void check(String resource, Lease lease) {
        check(connection -> fence.check(connection, resource, lease));
    }

    /**
     * The same for a token alone, such as one that came with a request of another process.
     *
     * @param resource always the same one for a key: tokens of different keys cannot be compared
     * @param token 1 or greater
     * @throws StaleTokenException if the resource has seen a greater token
     * @throws IllegalArgumentException if the token is not positive, or the resource's name is empty or too long, or is no text
     * @throws IllegalStateException if this thread is in no transaction of the data source
     * @throws DataAccessException if the database failed, or the table is missing, denied or misshapen; with the cause that
     *     {@link JdbcFence} threw
     */
    public void check(String resource, long token) {
        check(connection -> fence.check(connection, resource, token));
    }

    @FunctionalInterface
    private interface Check {
        void on(Connection connection) throws SQLException;
    }

    private void check(Check check) {
        if (!TransactionSynchronizationManager.isActualTransactionActive()) {
            throw new IllegalStateException(
                    "there is no transaction, so a check would protect nothing: call it in a method"
                            + " with @Transactional, or in a TransactionTemplate");
        }
        if (!TransactionSynchronizationManager.hasResource(dataSource)) {
            throw new IllegalStateException(
                    "the transaction is not one of this data source, so a check would protect nothing:"
                            + " give the data source of the transaction manager");
        }
        jdbc.execute((ConnectionCallback<Boolean>) connection -> {
            check.on(connection);
            return true;
        });
    }
}
