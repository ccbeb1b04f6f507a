package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.StaleTokenException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Seeds;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Many threads with tokens that come too late now and then: what was committed is in the order of its tokens, and whole. */
class ContentionTest {

    private static final int THREADS = 8;
    private static final int TRANSACTIONS = 40;
    private static final int RESOURCES = 3;

    @Nested
    class OnH2 extends Contention {
        OnH2() {
            super(H2Database.open("contention"));
        }
    }

    @Nested
    class OnPostgres extends Contention {
        OnPostgres() {
            super(PostgresDatabase.shared());
        }
    }

    @Nested
    @FenceTest.OnInstalledMariaDb
    class OnMariaDb extends Contention {
        OnMariaDb() {
            super(new MariaDbDatabase("mariadb", "useAffectedRows=true"));
        }
    }

    @Nested
    @FenceTest.OnInstalledMariaDb
    class OnMariaDbByMySqlsDriver extends Contention {
        OnMariaDbByMySqlsDriver() {
            super(new MariaDbDatabase("mysql", "useAffectedRows=false"));
        }
    }

    abstract static class Contention {

        private final Database database;
        private final JdbcFence fence = JdbcFence.create();
        private final AtomicLong greatestToken = new AtomicLong(5);
        private final AtomicLong committed = new AtomicLong();
        private final AtomicLong refused = new AtomicLong();

        Contention(Database database) {
            this.database = database;
        }

        @Test
        void theTokensThatWereCommittedNeverFallAndNoWriteIsLost() throws Exception {
            database.reset();
            database.execute(
                    "DROP TABLE IF EXISTS history",
                    "CREATE TABLE history (account INT NOT NULL, position BIGINT NOT NULL, token BIGINT NOT NULL)");
            for (int account = 0; account < RESOURCES; account++) {
                database.execute("INSERT INTO account VALUES (" + account + ", 0, 0)");
            }
            ExecutorService threads = Executors.newFixedThreadPool(THREADS);
            try {
                List<Future<Boolean>> workers = new ArrayList<>();
                for (int i = 0; i < THREADS; i++) {
                    SplittableRandom random = new SplittableRandom(Seeds.first() * THREADS + i);
                    workers.add(threads.submit(() -> work(random)));
                }
                for (Future<Boolean> worker : workers) {
                    assertThat(worker.get(Await.BOUND.toSeconds(), TimeUnit.SECONDS))
                            .isTrue();
                }
            } finally {
                threads.shutdownNow();
            }
            judge();
            assertThat(refused.get()).isPositive();
        }

        private boolean work(SplittableRandom random) throws SQLException {
            try (Connection connection = database.begin()) {
                for (int i = 0; i < TRANSACTIONS; i++) {
                    transact(connection, random);
                }
            }
            return true;
        }

        private void transact(Connection connection, SplittableRandom random) throws SQLException {
            int account = random.nextInt(RESOURCES);
            long token = greatestToken.incrementAndGet() - random.nextInt(5);
            boolean commits = random.nextInt(8) != 0;
            try {
                fence.check(connection, "account:" + account, token);
                long position = Database.query(connection, "SELECT balance FROM account WHERE id = " + account);
                try (Statement statement = connection.createStatement()) {
                    statement.execute("INSERT INTO history VALUES (" + account + ", " + position + ", " + token + ")");
                    statement.execute("UPDATE account SET balance = " + (position + 1) + " WHERE id = " + account);
                }
                if (commits) {
                    connection.commit();
                    committed.incrementAndGet();
                } else {
                    connection.rollback();
                }
            } catch (StaleTokenException e) {
                connection.rollback();
                refused.incrementAndGet();
                assertThat(e.seenToken()).isGreaterThan(e.token());
            } catch (SQLException e) {
                connection.rollback();
                // The one of two that InnoDB ends when a resource's first transaction rolls back.
                if (database.dialect() != FenceDialect.MYSQL || !"40001".equals(e.getSQLState())) {
                    throw e;
                }
            }
        }

        private void judge() throws SQLException {
            long sum = 0;
            try (Connection connection = database.connect();
                    Statement statement = connection.createStatement()) {
                for (int account = 0; account < RESOURCES; account++) {
                    List<Long> positions = new ArrayList<>();
                    List<Long> tokens = new ArrayList<>();
                    String history = "SELECT position, token FROM history WHERE account = " + account
                            + " ORDER BY position, token";
                    try (ResultSet rows = statement.executeQuery(history)) {
                        while (rows.next()) {
                            positions.add(rows.getLong(1));
                            tokens.add(rows.getLong(2));
                        }
                    }
                    assertThat(positions)
                            .as("no two of account %d wrote at one position", account)
                            .isEqualTo(LongStream.range(0, positions.size())
                                    .boxed()
                                    .toList());
                    assertThat(tokens).as("tokens of account %d", account).isSorted();
                    assertThat(Database.query(connection, "SELECT balance FROM account WHERE id = " + account))
                            .isEqualTo(positions.size());
                    sum += positions.size();
                }
            }
            assertThat(sum).isEqualTo(committed.get());
        }
    }
}
