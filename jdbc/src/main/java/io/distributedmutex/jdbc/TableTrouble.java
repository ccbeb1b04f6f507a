package io.distributedmutex.jdbc;

import java.sql.SQLException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What can be wrong with a fence table, told from the codes that the databases give their errors. */
enum TableTrouble {
    MISSING("there is no fence table '%s' that this database user can see; create it with %s"),
    DENIED("this database user may not use the fence table '%s'; it needs SELECT, INSERT and UPDATE on it"),
    MISSHAPEN("the fence table '%s' is not as %s makes it");

    private final String format;

    TableTrouble(String format) {
        this.format = format;
    }

    /** The trouble for people, as the beginning of a message. */
    String shown(FenceDialect dialect, String table) {
        return String.format(format, table, dialect.ddlResource());
    }

    /** What an error says of the table; empty if it is about something else. */
    static Optional<TableTrouble> of(FenceDialect dialect, SQLException error) {
        return Optional.ofNullable(dialect == FenceDialect.POSTGRESQL ? byState(error) : byCode(dialect, error));
    }

    /** Its driver gives no codes. */
    private static @Nullable TableTrouble byState(SQLException error) {
        return switch (String.valueOf(error.getSQLState())) {
            case "42P01", "3F000" -> MISSING;
            case "42501" -> DENIED;
            // No such column, no unique key for ON CONFLICT, other types, too narrow, a column of somebody else's.
            case "42703", "42P10", "42804", "42883", "22001", "22003", "23502" -> MISSHAPEN;
            default -> null;
        };
    }

    private static @Nullable TableTrouble byCode(FenceDialect dialect, SQLException error) {
        return switch (dialect) {
            case POSTGRESQL -> null;
            case MYSQL ->
                switch (error.getErrorCode()) {
                    case 1146, 1049 -> MISSING;
                    case 1142, 1143, 1044 -> DENIED;
                    case 1054, 1264, 1364, 1366, 1406 -> MISSHAPEN;
                    default -> null;
                };
            case H2 ->
                switch (error.getErrorCode()) {
                    case 42102, 42103, 42104, 90079 -> MISSING;
                    case 90096 -> DENIED;
                    case 42122, 22001, 22003, 22018, 23502 -> MISSHAPEN;
                    default -> null;
                };
            case SQL_SERVER ->
                switch (error.getErrorCode()) {
                    case 208 -> MISSING;
                    case 229, 230 -> DENIED;
                    case 207, 515, 2628, 8152 -> MISSHAPEN;
                    default -> null;
                };
            case ORACLE ->
                switch (error.getErrorCode()) {
                    case 942 -> MISSING;
                    case 1031, 41900 -> DENIED;
                    case 904, 1400, 12899 -> MISSHAPEN;
                    default -> null;
                };
        };
    }
}
