package io.distributedmutex.jdbc;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Refuses the writes of a holder that has been overtaken: a table remembers the greatest fencing token that each
 * resource has seen, and a {@linkplain #check check} in the transaction of the write refuses a smaller one.
 *
 * <pre>{@code
 * connection.setAutoCommit(false);
 * fence.check(connection, lease);      // first: it locks the resource's row until the transaction ends
 * accounts.update(row);                // then read and write
 * connection.commit();
 * }</pre>
 *
 * <p><b>Why it is safe.</b> A check locks the resource's row in the fence table until its transaction ends. A check with a
 * later token, in another transaction, waits for that end. A check with an earlier token waits as well, and is refused
 * if the later one was committed. So the transactions of one resource run one after the other, and no committed token is
 * smaller than the one before it. After a rollback the row is as it was: what was not written need not be remembered.
 *
 * <p><b>Check first.</b> What a transaction read before its check may be what an earlier holder changed while the check
 * waited. So check before the first read, or read again after it. At READ COMMITTED that is all. A transaction with a
 * snapshot that is older than the row is refused by PostgreSQL at REPEATABLE READ and SERIALIZABLE, by H2 at SNAPSHOT
 * and SERIALIZABLE, by SQL Server at SNAPSHOT and by Oracle at SERIALIZABLE: the {@link SQLException} says so (SQLState
 * 40001, on Oracle also ORA-08177), and the whole transaction may be repeated. MySQL and MariaDB at REPEATABLE READ,
 * which is their default, and H2 at REPEATABLE READ compare with the newest row but go on reading as of the first read:
 * there a check that is not first does not protect what was computed from reads.
 *
 * <p><b>Waiting.</b> A process that stops within its transaction keeps the row locked, and others wait until the database
 * ends its session. Set the database's own bounds, such as PostgreSQL's {@code lock_timeout} and
 * {@code idle_in_transaction_session_timeout}.
 *
 * <p><b>Several resources.</b> Check them in one order everywhere, or two transactions may wait for each other; the database
 * then ends one of them with an error.
 *
 * <p>The table has one row for each resource; the first check makes it. A fence is for one database. It has no state but the
 * kind of database, which it asks the first connection for. Safe for use by many threads.
 */
public final class JdbcFence {

    /** What the table is called if nobody says otherwise; the DDL files call it so. */
    static final String DEFAULT_TABLE = "fencing_token";

    private final String table;
    private volatile @Nullable FenceTable statements;

    private JdbcFence(String table, @Nullable FenceDialect dialect) {
        this.table = table;
        this.statements = dialect == null ? null : new FenceTable(dialect, table);
    }

    /**
     * A fence with the table {@code fencing_token}, for the kind of database that its first connection leads to.
     *
     * @return a new fence
     */
    public static JdbcFence create() {
        return builder().build();
    }

    /**
     * A builder with the defaults: the table {@code fencing_token}, and the kind of database as its driver says.
     *
     * @return a new builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Accepts the lease's fencing token for the resource that is named as the lease's key, or refuses it: see
     * {@link #check(Connection, String, long)}.
     *
     * @param connection in the transaction of the write, with auto-commit off
     * @param lease a lease that is valid still
     * @throws StaleTokenException if a greater token was seen
     * @throws LeaseLostException if the lease is known to be lost or released, without asking the database
     * @throws IllegalArgumentException if the lease's key has a character U+0000
     * @throws IllegalStateException if auto-commit is on, or the database is of a kind that is not known
     * @throws SQLException if the database failed, or the table is missing, denied or misshapen
     */
    public void check(Connection connection, Lease lease) throws SQLException {
        check(connection, lease.key(), lease);
    }

    /**
     * Accepts the lease's fencing token for a resource, or refuses it: see {@link #check(Connection, String, long)}.
     *
     * @param connection in the transaction of the write, with auto-commit off
     * @param resource always the same one for the lease's key: tokens of different keys cannot be compared
     * @param lease a lease that is valid still
     * @throws StaleTokenException if the resource has seen a greater token
     * @throws LeaseLostException if the lease is known to be lost or released, without asking the database
     * @throws IllegalArgumentException if the resource's name is empty or too long, or is no text
     * @throws IllegalStateException if auto-commit is on, or the database is of a kind that is not known
     * @throws SQLException if the database failed, or the table is missing, denied or misshapen
     */
    public void check(Connection connection, String resource, Lease lease) throws SQLException {
        Objects.requireNonNull(connection, "connection");
        checkName(resource);
        if (!lease.isValid()) {
            throw new LeaseLostException(
                    "the lease on '" + Messages.shown(lease.key()) + "' is "
                            + (lease.lossReason().isPresent() ? "lost" : "released")
                            + ", so nothing may be written to '"
                            + Messages.shown(resource) + "' under it; roll back and stop",
                    lease.lossReason().orElse(null));
        }
        check(connection, resource, lease.fencingToken());
    }

    /**
     * Accepts a fencing token for a resource and remembers it, or refuses it if the resource has seen a greater one. The
     * same token is accepted again. One statement. A refusal takes one or two more, and so does, on H2 and Oracle, a
     * resource's first token. Waits for every other transaction that has checked a token of the resource and has not ended.
     *
     * <p>What was accepted counts if the transaction commits, and is forgotten if it rolls back, be it to a savepoint
     * from before the check. After any exception, roll back.
     *
     * @param connection in the transaction of the write, with auto-commit off; neither committed nor closed here
     * @param resource what the token guards: 1 to 512 characters of well-formed Unicode without U+0000. Compared by
     *     its characters: case, accents and trailing spaces count. Always guarded by one key, since tokens of different keys
     *     cannot be compared
     * @param token from 1 to 2^53 - 1, as the token of each lease
     * @throws StaleTokenException if the resource has seen a greater token
     * @throws IllegalArgumentException if the token is out of bounds, or the resource's name is empty or too long, or is
     *     no text
     * @throws IllegalStateException if auto-commit is on, or the database is of a kind that is not known
     * @throws SQLException if the database failed, or the table is missing, denied or misshapen; what the database said
     *     with its SQLState and error code, unchanged if it is not about the table
     */
    public void check(Connection connection, String resource, long token) throws SQLException {
        Objects.requireNonNull(connection, "connection");
        checkName(resource);
        Checks.fencingToken("token", token);
        if (connection.getAutoCommit()) {
            throw new IllegalStateException(
                    "the connection commits each statement by itself, so a check would protect nothing:"
                            + " call setAutoCommit(false), or begin a transaction, before it");
        }
        statements(connection).check(connection, resource, token);
    }

    /**
     * The statement that makes the fence table, for who keeps no migrations: that of the dialect's file in {@code
     * io/distributedmutex/jdbc}, but with this fence's table, and without comments and semicolon.
     * On PostgreSQL, MySQL and H2 it does nothing where the table exists.
     *
     * @param dialect the kind of database
     * @return a CREATE TABLE statement
     */
    public String ddl(FenceDialect dialect) {
        return FenceTable.ddl(dialect, table);
    }

    private FenceTable statements(Connection connection) throws SQLException {
        FenceTable known = statements;
        if (known == null) {
            String product = connection.getMetaData().getDatabaseProductName();
            FenceDialect dialect = FenceDialect.of(product).orElseThrow(() -> unknown(product));
            known = new FenceTable(dialect, table);
            statements = known;
        }
        return known;
    }

    private static IllegalStateException unknown(String product) {
        return new IllegalStateException("a JdbcFence does not know the database '" + Messages.shown(product)
                + "'; if it understands the statements of another, name that with JdbcFence.builder().dialect()");
    }

    private static void checkName(String resource) {
        Checks.text("resource", resource, Checks.MAXIMUM_KEY_LENGTH);
        if (resource.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(
                    "resource must not have a character U+0000, which not every database can keep: '"
                            + Messages.shown(resource) + "'");
        }
    }

    /** Builds a fence. Not thread-safe. */
    public static final class Builder {

        /** PostgreSQL and MySQL cut or refuse longer ones. */
        private static final String IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]{0,62}";

        private static final Pattern TABLE = Pattern.compile(IDENTIFIER + "(\\." + IDENTIFIER + "){0,2}");

        private String table = DEFAULT_TABLE;
        private @Nullable FenceDialect dialect;

        private Builder() {}

        /**
         * The fence table. Default {@code fencing_token}. It goes into the statements unquoted, so the database reads
         * upper and lower case as it does in any statement, and words of SQL are no names.
         *
         * @param table one to three names joined by dots, as {@code schema.table}; each 1 to 63 letters of ASCII, digits or
         *     underscores, not beginning with a digit
         * @return this builder
         * @throws IllegalArgumentException if it is not such
         */
        public Builder table(String table) {
            if (!TABLE.matcher(table).matches()) {
                throw new IllegalArgumentException(
                        "table must be one to three names joined by dots, each of 1 to 63 letters"
                                + " of ASCII, digits or underscores and not beginning with a digit, but is '"
                                + Messages.shown(table) + "'");
            }
            this.table = table;
            return this;
        }

        /**
         * The kind of database. Default: what the driver says of the first connection that is checked on.
         *
         * @param dialect the one whose statements the database understands
         * @return this builder
         */
        public Builder dialect(FenceDialect dialect) {
            this.dialect = Objects.requireNonNull(dialect, "dialect");
            return this;
        }

        /**
         * Builds the fence, without asking a database.
         *
         * @return a new fence
         */
        public JdbcFence build() {
            return new JdbcFence(table, dialect);
        }
    }
}
