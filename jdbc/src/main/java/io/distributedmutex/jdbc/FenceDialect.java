package io.distributedmutex.jdbc;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;

/** A kind of database that a {@link JdbcFence} knows the statements of. {@code docs/fencing.md} says which were tried. */
public enum FenceDialect {
    /** PostgreSQL, and what speaks its protocol and has its {@code INSERT ... ON CONFLICT}. */
    POSTGRESQL("postgresql"),

    /** MySQL and MariaDB, by the driver of either. */
    MYSQL("mysql"),

    /** H2, embedded or as a server, in any compatibility mode. */
    H2("h2"),

    /** Microsoft SQL Server and Azure SQL. */
    SQL_SERVER("sqlserver"),

    /** Oracle Database. It does not tell a table that is missing from one that the user may not see. */
    ORACLE("oracle");

    private final String fileName;

    FenceDialect(String fileName) {
        this.fileName = fileName;
    }

    /** The dialect of a database by the name that its driver gives it. */
    static Optional<FenceDialect> of(String productName) {
        return Optional.ofNullable(
                switch (productName.toLowerCase(Locale.ROOT)) {
                    case "postgresql" -> POSTGRESQL;
                    case "mysql", "mariadb" -> MYSQL;
                    case "h2" -> H2;
                    case "microsoft sql server" -> SQL_SERVER;
                    case "oracle" -> ORACLE;
                    default -> null;
                });
    }

    /** Where the DDL stands on the class path. */
    String ddlResource() {
        return "io/distributedmutex/jdbc/" + fileName + ".sql";
    }

    /** The statement of the DDL file, without its comments and its semicolon. */
    String ddlStatement() {
        try (InputStream file = FenceDialect.class.getResourceAsStream(fileName + ".sql")) {
            if (file == null) {
                throw new IllegalStateException(ddlResource() + " is missing from the jar");
            }
            return new String(file.readAllBytes(), StandardCharsets.UTF_8)
                    .replaceAll("(?m)^--.*\n", "")
                    .replace(";", "")
                    .strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
