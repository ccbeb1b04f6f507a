package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LossReason;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a fence says of bad input, and what it does with leases. */
class JdbcFenceTest {

    private static final H2Database DATABASE = H2Database.open("bad-input");

    private final JdbcFence fence = JdbcFence.create();

    @BeforeEach
    void makeTables() throws SQLException {
        DATABASE.reset();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, -41, Long.MIN_VALUE, 1L << 53, Long.MAX_VALUE})
    void aTokenThatNoLeaseHasIsRefused(long token) throws SQLException {
        try (Connection connection = DATABASE.begin()) {
            assertThatThrownBy(() -> fence.check(connection, "account:7", token))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("token must be a number from 1 to 2^53 - 1, but is '" + token + "'");
        }
    }

    @Test
    void aNameThatIsEmptyTooLongOrNoTextIsRefused() throws SQLException {
        assertNameRefused("", "resource must not be empty");
        assertNameRefused(
                "a".repeat(513), "resource must have at most 512 characters, but has 513: '" + "a".repeat(40) + "...'");
        assertNameRefused(
                "a\0b", "resource must not have a character U+0000, which not every database can keep: 'a\\u0000b'");
        assertNameRefused("a\ud83d", "resource is not well-formed Unicode: unpaired surrogate \\uD83D at index 1");
        try (Connection connection = DATABASE.begin()) {
            assertThatThrownBy(() -> fence.check(connection, null, 1))
                    .isInstanceOf(NullPointerException.class)
                    .hasMessage("resource");
        }
    }

    private void assertNameRefused(String name, String message) throws SQLException {
        try (Connection connection = DATABASE.begin()) {
            assertThatThrownBy(() -> fence.check(connection, name, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(message);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "a b",
                "a;DROP TABLE account",
                "a--",
                "\"a\"",
                "`a`",
                "[a]",
                "1a",
                "a.",
                ".a",
                "a..b",
                "a.b.c.d",
                "t\u00e4ble",
                "a\n",
                "a$",
                "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
            })
    void aTableThatIsNoPlainNameIsRefused(String table) {
        assertThatThrownBy(() -> JdbcFence.builder().table(table))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(
                        "table must be one to three names joined by dots, each of 1 to 63 letters of ASCII,"
                                + " digits or underscores and not beginning with a digit, but is '");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a",
                "_a1",
                "app.fence",
                "db.app.fence",
                "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
            })
    void aTableThatIsAPlainNameStandsInTheDdlOfEachDialect(String table) {
        for (FenceDialect dialect : FenceDialect.values()) {
            assertThat(JdbcFence.builder().table(table).build().ddl(dialect))
                    .startsWith("CREATE TABLE ")
                    .contains(" " + table + " (")
                    .endsWithIgnoringCase(dialect == FenceDialect.MYSQL ? "DYNAMIC" : ")")
                    .doesNotContain(";", "--", "fencing_token");
        }
    }

    @Test
    void aTableInASchemaServes() throws SQLException {
        JdbcFence other = JdbcFence.builder().table("app.fence").build();
        DATABASE.execute("CREATE SCHEMA IF NOT EXISTS app", other.ddl(FenceDialect.H2));
        try (Connection connection = DATABASE.begin()) {
            other.check(connection, "account:7", 42);
            connection.commit();
        }
        assertThat(DATABASE.query("SELECT token FROM app.fence")).isEqualTo(42);
        JdbcFence elsewhere = JdbcFence.builder().table("nowhere.fence").build();
        try (Connection connection = DATABASE.begin()) {
            assertThatThrownBy(() -> elsewhere.check(connection, "account:7", 42))
                    .isInstanceOf(SQLException.class)
                    .hasMessageStartingWith("there is no fence table 'nowhere.fence' that this database user can see;"
                            + " create it with io/distributedmutex/jdbc/h2.sql: ");
        }
    }

    @Test
    void aDatabaseOfAnUnknownKindIsNamed() {
        assertThatThrownBy(() -> fence.check(RecordedConnection.to("Apache Derby"), "account:7", 42))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("a JdbcFence does not know the database 'Apache Derby'; if it understands the statements of"
                        + " another, name that with JdbcFence.builder().dialect()");
    }

    @Test
    void theKindOfDatabaseIsAskedForOnce() throws SQLException {
        List<String> calls = new ArrayList<>();
        try (Connection connection = RecordedConnection.of(DATABASE.begin(), calls)) {
            fence.check(connection, "account:7", 42);
            fence.check(connection, "account:7", 42);
            assertThat(calls).containsOnlyOnce("getMetaData");
            calls.clear();
            JdbcFence.builder().dialect(FenceDialect.H2).build().check(connection, "account:7", 42);
            assertThat(calls).doesNotContain("getMetaData");
            connection.rollback();
        }
    }

    @ParameterizedTest
    @EnumSource
    void theProductNamesOfDriversAreKnown(FenceDialect dialect) {
        List<String> names = switch (dialect) {
            case POSTGRESQL -> List.of("PostgreSQL");
            case MYSQL -> List.of("MySQL", "MariaDB");
            case H2 -> List.of("H2");
            case SQL_SERVER -> List.of("Microsoft SQL Server");
            case ORACLE -> List.of("Oracle");
        };
        assertThat(names).allSatisfy(name -> assertThat(FenceDialect.of(name)).contains(dialect));
    }

    @Test
    void aLeasesTokenIsCheckedUnderItsKeyUnlessAnotherNameIsGiven() throws SQLException {
        try (DistributedMutex mutex =
                        DistributedMutex.builder(new InMemoryLockStore()).build();
                Connection connection = DATABASE.begin()) {
            Lease earlier = mutex.acquire("account:7");
            fence.check(connection, earlier);
            fence.check(connection, "another", earlier);
            connection.commit();
            assertThat(DATABASE.query(
                            "SELECT token FROM fencing_token WHERE UTF8TOSTRING(resource_name) = 'account:7'"))
                    .isEqualTo(earlier.fencingToken());
            assertThat(earlier.release()).isTrue();
            Lease later = mutex.acquire("account:7");
            fence.check(connection, later);
            connection.commit();
            assertThat(later.release()).isTrue();
            assertThatThrownBy(() -> fence.check(connection, "account:7", earlier.fencingToken()))
                    .isInstanceOf(StaleTokenException.class);
            connection.rollback();
        }
    }

    @Test
    void aLeaseThatIsKnownToBeLostOrReleasedIsRefusedWithoutTheDatabase() throws SQLException {
        ManualTime time = ManualTime.create().autoAdvance();
        List<String> calls = new ArrayList<>();
        try (DistributedMutex mutex = DistributedMutex.builder(new InMemoryLockStore(time))
                        .environment(time.newEnvironment())
                        .build();
                Connection connection = RecordedConnection.of(DATABASE.begin(), calls)) {
            Lease released = mutex.acquire("account:7");
            assertThat(released.release()).isTrue();
            LeaseLostException refusal =
                    catchThrowableOfType(LeaseLostException.class, () -> fence.check(connection, released));
            assertThat(refusal.reason()).isEmpty();
            assertThat(refusal)
                    .hasMessage(
                            "the lease on 'account:7' is released, so nothing may be written to 'account:7' under it;"
                                    + " roll back and stop");
            Lease lost = mutex.acquire("account:7");
            time.advance(Duration.ofMinutes(1));
            refusal = catchThrowableOfType(LeaseLostException.class, () -> fence.check(connection, "other", lost));
            assertThat(refusal.reason()).contains(LossReason.EXPIRED);
            assertThat(refusal)
                    .hasMessage("the lease on 'account:7' is lost, so nothing may be written to 'other' under it;"
                            + " roll back and stop");
        }
        assertThat(calls).isEmpty();
    }

    @Test
    void aMessageShowsNoControlCharacters() throws SQLException {
        try (Connection connection = DATABASE.begin()) {
            fence.check(connection, "a\nb", 2);
            assertThatThrownBy(() -> fence.check(connection, "a\nb", 1))
                    .hasMessageContaining("'a\\u000Ab'")
                    .hasMessageNotContaining("\n");
            connection.rollback();
        }
    }
}
