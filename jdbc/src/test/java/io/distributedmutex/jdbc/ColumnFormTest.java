package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.table;

import io.distributedmutex.StaleTokenException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import org.jooq.DSLContext;
import org.jooq.SQLDialect;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What docs/fencing.md shows for a column in the application's own table, and for jOOQ. */
class ColumnFormTest {

    @Nested
    class OnH2 extends Forms {
        OnH2() {
            super(H2Database.open("column"), SQLDialect.H2);
        }
    }

    @Nested
    class OnPostgres extends Forms {
        OnPostgres() {
            super(PostgresDatabase.shared(), SQLDialect.POSTGRES);
        }
    }

    abstract static class Forms {

        private final Database database;
        private final SQLDialect dialect;

        Forms(Database database, SQLDialect dialect) {
            this.database = database;
            this.dialect = dialect;
        }

        @BeforeEach
        void makeAccount() throws SQLException {
            database.reset();
            database.execute("INSERT INTO account VALUES (7, 0, 0)");
        }

        @Test
        void anUpdateThatComparesItsColumnRefusesASmallerToken() throws SQLException {
            assertThat(update(42, 100)).isEqualTo(1);
            assertThat(update(41, 1)).isZero();
            assertThat(update(42, 101)).isEqualTo(1);
            assertThat(database.query("SELECT balance FROM account")).isEqualTo(101);
        }

        private int update(long token, long balance) throws SQLException {
            try (Connection connection = database.connect();
                    PreparedStatement statement = connection.prepareStatement(
                            "UPDATE account SET balance = ?, fence = ? WHERE id = ? AND fence <= ?")) {
                statement.setLong(1, balance);
                statement.setLong(2, token);
                statement.setInt(3, 7);
                statement.setLong(4, token);
                return statement.executeUpdate();
            }
        }

        @Test
        void jooqWritesTheSame() throws SQLException {
            try (Connection connection = database.connect()) {
                DSLContext dsl = DSL.using(connection, dialect);
                assertThat(update(dsl, 42, 100)).isEqualTo(1);
                assertThat(update(dsl, 41, 1)).isZero();
                assertThat(update(dsl, 42, 101)).isEqualTo(1);
            }
            assertThat(database.query("SELECT balance FROM account")).isEqualTo(101);
        }

        private static int update(DSLContext dsl, long token, long balance) {
            return dsl.update(table("account"))
                    .set(field("balance", Long.class), balance)
                    .set(field("fence", Long.class), token)
                    .where(field("id", Integer.class).eq(7))
                    .and(field("fence", Long.class).le(token))
                    .execute();
        }

        @Test
        void aFenceChecksInATransactionOfJooqAndRollsItBack() throws SQLException {
            JdbcFence fence = JdbcFence.create();
            try (Connection connection = database.connect()) {
                DSLContext dsl = DSL.using(connection, dialect);
                dsl.transaction(transaction -> {
                    transaction.dsl().connection(checked -> fence.check(checked, "account:7", 42));
                    update(transaction.dsl(), 42, 100);
                });
                assertThatThrownBy(() -> dsl.transaction(transaction -> {
                            update(transaction.dsl(), 42, 1);
                            transaction.dsl().connection(checked -> fence.check(checked, "account:7", 41));
                        }))
                        .isInstanceOf(StaleTokenException.class);
                assertThatThrownBy(() -> dsl.connection(checked -> fence.check(checked, "account:7", 42)))
                        .isInstanceOf(IllegalStateException.class);
            }
            assertThat(database.query("SELECT balance FROM account")).isEqualTo(100);
        }
    }
}
