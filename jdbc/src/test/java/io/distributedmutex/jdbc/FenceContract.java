package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.distributedmutex.StaleTokenException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a fence does on any database. */
abstract class FenceContract {

    private static final String RESOURCE = "account:7";

    final Database database;
    private final JdbcFence fence = JdbcFence.create();

    FenceContract(Database database) {
        this.database = database;
    }

    @BeforeEach
    void makeTables() throws SQLException {
        database.reset();
    }

    @Test
    void aResourcesFirstTokenIsAcceptedAndRemembered() throws SQLException {
        assertThat(accepts(RESOURCE, 41)).isTrue();
        assertThat(seen()).isEqualTo(41);
    }

    @Test
    void aGreaterTokenIsAcceptedAndRemembered() throws SQLException {
        assertThat(accepts(RESOURCE, 41)).isTrue();
        assertThat(accepts(RESOURCE, 42)).isTrue();
        assertThat(accepts(RESOURCE, (1L << 53) - 1)).isTrue();
        assertThat(seen()).isEqualTo((1L << 53) - 1);
    }

    @Test
    void theSameTokenIsAcceptedAgainInTheSameAndInLaterTransactions() throws SQLException {
        try (Connection connection = database.begin()) {
            for (int i = 0; i < 3; i++) {
                fence.check(connection, RESOURCE, 41);
            }
            connection.commit();
            for (int i = 0; i < 3; i++) {
                fence.check(connection, RESOURCE, 41);
                connection.commit();
            }
        }
        assertThat(seen()).isEqualTo(41);
    }

    @Test
    void aSmallerTokenIsRefusedAndTheExceptionSaysWhatWasSeen() throws SQLException {
        assertThat(accepts(RESOURCE, 42)).isTrue();
        try (Connection connection = database.begin()) {
            StaleTokenException refusal =
                    catchThrowableOfType(StaleTokenException.class, () -> fence.check(connection, RESOURCE, 41));
            assertThat(refusal.resource()).isEqualTo(RESOURCE);
            assertThat(refusal.token()).isEqualTo(41);
            assertThat(refusal.seenToken()).isEqualTo(42);
            assertThat(refusal)
                    .hasMessage("the fencing token 41 for 'account:7' is stale: 42 has been seen,"
                            + " so another holder has got the lease since; stop, and undo this write");
            connection.commit();
        }
        assertThat(seen()).as("a refusal changes nothing").isEqualTo(42);
    }

    @Test
    void aTokenThatIsAcceptedTakesOneStatement() throws SQLException {
        boolean isTwoStep = database.dialect() == FenceDialect.H2;
        List<String> prepared = new ArrayList<>();
        JdbcFence known = JdbcFence.builder().dialect(database.dialect()).build();
        try (Connection connection = RecordedConnection.of(database.begin(), prepared)) {
            known.check(connection, RESOURCE, 41);
            assertThat(prepared).as("a first token").hasSize(isTwoStep ? 3 : 1);
            prepared.clear();
            known.check(connection, RESOURCE, 42);
            assertThat(prepared).as("a greater token").hasSize(1);
            prepared.clear();
            known.check(connection, RESOURCE, 42);
            assertThat(prepared).as("the same token").hasSize(1);
            prepared.clear();
            assertThatThrownBy(() -> known.check(connection, RESOURCE, 41)).isInstanceOf(StaleTokenException.class);
            assertThat(prepared).as("a smaller token").hasSize(isTwoStep ? 3 : 2);
            connection.rollback();
        }
    }

    @Test
    void aSmallerTokenIsRefusedInTheTransactionThatCheckedTheGreaterOne() throws SQLException {
        try (Connection connection = database.begin()) {
            fence.check(connection, RESOURCE, 42);
            assertThatThrownBy(() -> fence.check(connection, RESOURCE, 41)).isInstanceOf(StaleTokenException.class);
            connection.rollback();
        }
    }

    @Test
    void eachResourceHasTokensOfItsOwn() throws SQLException {
        assertThat(accepts(RESOURCE, 42)).isTrue();
        assertThat(accepts("account:8", 1)).isTrue();
        assertThat(accepts(RESOURCE, 41)).isFalse();
        assertThat(accepts("account:8", 1)).isTrue();
    }

    @Test
    void whatWasAcceptedIsForgottenWithTheTransaction() throws SQLException {
        try (Connection connection = database.begin()) {
            fence.check(connection, RESOURCE, 42);
            connection.rollback();
        }
        assertThat(seen()).isEqualTo(-1);
        assertThat(accepts(RESOURCE, 41)).isTrue();
        try (Connection connection = database.begin()) {
            fence.check(connection, RESOURCE, 43);
            connection.rollback();
        }
        assertThat(seen()).isEqualTo(41);
        assertThat(accepts(RESOURCE, 42)).isTrue();
    }

    @Test
    void aCheckWaitsForTheEndOfTheTransactionThatCheckedBefore() throws SQLException {
        for (boolean isNew : List.of(true, false)) {
            for (boolean commits : List.of(true, false)) {
                for (long later : List.of(11L, 9L)) {
                    database.reset();
                    if (!isNew) {
                        assertThat(accepts(RESOURCE, 5)).isTrue();
                    }
                    assertThat(checkedBehind(10, commits, later))
                            .as("new %s, commits %s, then %s", isNew, commits, later)
                            .isEqualTo(later > 10 || !commits);
                }
            }
        }
    }

    /** Whether a token is accepted that came while the transaction of another one was open. */
    private boolean checkedBehind(long first, boolean commits, long second) throws SQLException {
        try (Connection watcher = database.connect();
                Session one = new Session(database);
                Session other = new Session(database)) {
            assertThat(one.check(fence, RESOURCE, first)).isTrue();
            Future<Boolean> waiting = other.beginCheck(fence, RESOURCE, second);
            other.awaitWaiting(watcher, waiting);
            assertThat(waiting).isNotDone();
            if (commits) {
                one.commit();
            } else {
                one.rollback();
            }
            boolean accepted = Session.result(waiting);
            other.commit();
            return accepted;
        }
    }

    @Test
    void aCheckDoesNotWaitForTransactionsOfOtherResources() throws SQLException {
        assertThat(accepts("account:8", 1)).isTrue();
        try (Session one = new Session(database);
                Session other = new Session(database)) {
            assertThat(one.check(fence, RESOURCE, 1)).isTrue();
            assertThat(other.check(fence, "account:8", 2)).isTrue();
            other.commit();
            one.commit();
        }
    }

    @Test
    void namesThatLookAlikeAreDifferentResources() throws SQLException {
        List<String> names = List.of(
                "tenant",
                "Tenant",
                "TENANT",
                "tenant ",
                "tenant  ",
                " tenant",
                "tenant\t",
                "t\u00e9nant",
                "te\u0301nant",
                "stra\u00dfe",
                "strasse",
                "\u0131",
                "i",
                "\u0130",
                "I",
                "?",
                "\ud83d\ude00",
                "\ud83d\ude01",
                "\u043e",
                "o",
                "\u200bo",
                "%",
                "_",
                "\\",
                "\\\\",
                "'",
                "''",
                "\"",
                "null",
                " ",
                "\u00a0",
                "\u3042",
                "\u30a2",
                "\uff11",
                "1");
        for (int i = 0; i < names.size(); i++) {
            assertThat(accepts(names.get(i), names.size() - i)).as(names.get(i)).isTrue();
        }
        assertThat(database.query("SELECT COUNT(*) FROM fencing_token")).isEqualTo(names.size());
        for (int i = 0; i < names.size() - 1; i++) {
            assertThat(accepts(names.get(i), names.size() - i - 1L))
                    .as(names.get(i))
                    .isFalse();
        }
    }

    @Test
    void theLongestNamesAreKeptWhole() throws SQLException {
        for (String unit : List.of("a", "\u20ac", "\ud83d\ude00")) {
            String longest = unit.repeat(512 / unit.length());
            String other = longest.substring(0, 510) + "bb";
            assertThat(accepts(longest, 2)).isTrue();
            assertThat(accepts(other, 1)).isTrue();
            assertThat(accepts(longest, 1)).isFalse();
        }
    }

    @Test
    void sqlInANameIsAName() throws SQLException {
        String name = "x', 1); DROP TABLE account; --";
        assertThat(accepts(name, 2)).isTrue();
        assertThat(accepts(name, 1)).isFalse();
        assertThat(database.query("SELECT COUNT(*) FROM account")).isZero();
    }

    @Test
    void aTableOfAnotherNameServes() throws SQLException {
        JdbcFence other = JdbcFence.builder()
                .table("other_fence")
                .dialect(database.dialect())
                .build();
        database.execute("DROP TABLE IF EXISTS other_fence", other.ddl(database.dialect()));
        try (Connection connection = database.begin()) {
            other.check(connection, RESOURCE, 2);
            connection.commit();
            assertThatThrownBy(() -> other.check(connection, RESOURCE, 1)).isInstanceOf(StaleTokenException.class);
            connection.rollback();
        }
        assertThat(seen()).isEqualTo(-1);
        assertThat(database.query("SELECT token FROM other_fence")).isEqualTo(2);
    }

    @Test
    void theStatementOfTheDdlMayRunAgain() throws SQLException {
        assertThat(accepts(RESOURCE, 42)).isTrue();
        database.execute(fence.ddl(database.dialect()));
        assertThat(accepts(RESOURCE, 41)).isFalse();
    }

    @Test
    void aConnectionThatCommitsByItselfIsRefused() throws SQLException {
        try (Connection connection = database.connect()) {
            assertThatThrownBy(() -> fence.check(connection, RESOURCE, 42))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("the connection commits each statement by itself, so a check would protect nothing:"
                            + " call setAutoCommit(false), or begin a transaction, before it");
        }
        assertThat(seen()).isEqualTo(-1);
    }

    @Test
    void aMissingTableIsNamedWithItsDdl() throws SQLException {
        database.execute("DROP TABLE fencing_token");
        assertTrouble(
                database.begin(),
                "there is no fence table 'fencing_token' that this database user can see; create it with"
                        + " io/distributedmutex/jdbc/");
    }

    @Test
    void aMissingPermissionIsNamed() throws SQLException {
        assertThat(accepts(RESOURCE, 1)).isTrue();
        String[][] grants = {{}, {"SELECT"}, {"SELECT", "INSERT"}, {"SELECT", "UPDATE"}};
        for (String[] granted : grants) {
            database.execute(database.newUser("poor"));
            for (String privilege : granted) {
                database.execute("GRANT " + privilege + " ON fencing_token TO poor");
            }
            // Where a first token takes another statement, only that one lacks the right to insert.
            for (String resource : List.of(RESOURCE, "account:8")) {
                try (Connection connection = database.connect("poor", "secret")) {
                    connection.setAutoCommit(false);
                    SQLException refusal =
                            catchThrowableOfType(SQLException.class, () -> fence.check(connection, resource, 42));
                    if (refusal != null) {
                        assertThat((Throwable) refusal)
                                .as("with %s", List.of(granted))
                                .hasMessageStartingWith(
                                        "this database user may not use the fence table 'fencing_token';"
                                                + " it needs SELECT, INSERT and UPDATE on it: ");
                    } else {
                        assertThat(granted).contains("UPDATE");
                        assertThat(resource).isEqualTo(RESOURCE);
                        assertThat(database.dialect()).isEqualTo(FenceDialect.H2);
                    }
                    connection.rollback();
                }
            }
        }
        database.execute(database.newUser("poor"));
        for (String privilege : List.of("SELECT", "INSERT", "UPDATE")) {
            database.execute("GRANT " + privilege + " ON fencing_token TO poor");
        }
        try (Connection connection = database.connect("poor", "secret")) {
            connection.setAutoCommit(false);
            fence.check(connection, RESOURCE, 42);
            fence.check(connection, "account:8", 42);
            connection.commit();
            assertThatThrownBy(() -> fence.check(connection, RESOURCE, 41)).isInstanceOf(StaleTokenException.class);
            connection.rollback();
        }
    }

    @Test
    void aTableOfAnotherShapeIsToldFromTheDdls() throws SQLException {
        for (String columns : List.of(
                "resource_name VARCHAR(512) NOT NULL PRIMARY KEY, fence BIGINT NOT NULL",
                "name VARCHAR(512) NOT NULL PRIMARY KEY, token BIGINT NOT NULL, checks BIGINT NOT NULL",
                "resource_name VARCHAR(4) NOT NULL PRIMARY KEY, token BIGINT NOT NULL, checks BIGINT DEFAULT 0 NOT NULL")) {
            database.execute("DROP TABLE fencing_token", "CREATE TABLE fencing_token (" + columns + ")");
            assertTrouble(database.begin(), "the fence table 'fencing_token' is not as io/distributedmutex/jdbc/");
        }
    }

    @Test
    void aTableWithoutItsKeyIsFoundAtTheLatestWhenAResourceHasTwoRows() throws SQLException {
        database.execute(
                "DROP TABLE fencing_token", fence.ddl(database.dialect()).replace("PRIMARY KEY", ""));
        try (Connection one = database.begin();
                Connection other = database.begin()) {
            boolean found = findsTheTableMisshapen(one, 1) | findsTheTableMisshapen(other, 2);
            one.commit();
            other.commit();
            assertThat(found | findsTheTableMisshapen(one, 3)).isTrue();
            one.rollback();
        }
    }

    private boolean findsTheTableMisshapen(Connection connection, long token) throws SQLException {
        try {
            fence.check(connection, RESOURCE, token);
            return false;
        } catch (SQLException e) {
            assertThat((Throwable) e)
                    .hasMessageStartingWith("the fence table 'fencing_token' is not as io/distributedmutex/jdbc/");
            connection.rollback();
            return true;
        }
    }

    private void assertTrouble(Connection opened, String beginning) throws SQLException {
        try (Connection connection = opened) {
            SQLException trouble =
                    catchThrowableOfType(SQLException.class, () -> fence.check(connection, RESOURCE, 42));
            assertThat((Throwable) trouble).hasMessageStartingWith(beginning).hasCauseInstanceOf(SQLException.class);
            SQLException cause = (SQLException) trouble.getCause();
            assertThat((Throwable) trouble).hasMessageEndingWith(": " + cause.getMessage());
            assertThat(trouble.getSQLState()).isEqualTo(cause.getSQLState());
            assertThat(trouble.getErrorCode()).isEqualTo(cause.getErrorCode());
            connection.rollback();
        }
    }

    private boolean accepts(String resource, long token) throws SQLException {
        try (Connection connection = database.begin()) {
            try {
                fence.check(connection, resource, token);
                return true;
            } catch (StaleTokenException e) {
                return false;
            } finally {
                connection.commit();
            }
        }
    }

    private long seen() throws SQLException {
        return database.query("SELECT token FROM fencing_token");
    }
}
