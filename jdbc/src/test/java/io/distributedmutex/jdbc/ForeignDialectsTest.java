package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.StaleTokenException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The DDL and the statements for databases that are not to be had here, on H2 in the mode that understands most of their
 * SQL. It says that they are well-formed and right in one transaction after the other; nothing of locks, errors and drivers.
 */
class ForeignDialectsTest {

    @ParameterizedTest
    @CsvSource({"SQL_SERVER, MSSQLServer", "ORACLE, Oracle"})
    void tokensAreAcceptedAndRefused(FenceDialect dialect, String mode) throws SQLException {
        JdbcFence fence = JdbcFence.builder().dialect(dialect).build();
        // H2 has neither clustered keys nor hints.
        try (Connection connection = RecordedConnection.without(
                DriverManager.getConnection("jdbc:h2:mem:;MODE=" + mode), " WITH \\((UPDLOCK|UPDLOCK, HOLDLOCK)\\)")) {
            connection.createStatement().execute(fence.ddl(dialect).replace(" NONCLUSTERED", ""));
            connection.setAutoCommit(false);
            fence.check(connection, "account:7", 41);
            connection.commit();
            fence.check(connection, "account:7", 41);
            fence.check(connection, "account:8", 1);
            fence.check(connection, "account:7", 43);
            connection.commit();
            fence.check(connection, "account:7", 44);
            connection.rollback();
            assertThat(Database.query(connection, "SELECT MAX(token) FROM fencing_token"))
                    .isEqualTo(43);
            assertThatThrownBy(() -> fence.check(connection, "account:7", 42))
                    .isInstanceOf(StaleTokenException.class)
                    .hasMessageContaining("43 has been seen");
            connection.rollback();
        }
    }
}
