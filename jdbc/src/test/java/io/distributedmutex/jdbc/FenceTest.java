package io.distributedmutex.jdbc;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;

/**
 * A fence keeps the contract on each database that is to be had here, by each driver and each way in which it counts rows.
 */
class FenceTest {

    @Nested
    class OnH2 extends FenceContract {
        OnH2() {
            super(H2Database.open("fence"));
        }
    }

    @Nested
    class OnPostgres extends FenceContract {
        OnPostgres() {
            super(PostgresDatabase.shared());
        }
    }

    @Nested
    @OnInstalledMariaDb
    class OnMariaDb extends FenceContract {
        OnMariaDb() {
            super(new MariaDbDatabase("mariadb", "useAffectedRows=false"));
        }
    }

    @Nested
    @OnInstalledMariaDb
    class OnMariaDbThatCountsAffectedRows extends FenceContract {
        OnMariaDbThatCountsAffectedRows() {
            super(new MariaDbDatabase("mariadb", "useAffectedRows=true&useServerPrepStmts=true"));
        }
    }

    @Nested
    @OnInstalledMariaDb
    class OnMariaDbByMySqlsDriver extends FenceContract {
        OnMariaDbByMySqlsDriver() {
            super(new MariaDbDatabase("mysql", "useAffectedRows=false&useServerPrepStmts=true"));
        }
    }

    @Nested
    @OnInstalledMariaDb
    class OnMariaDbByMySqlsDriverThatCountsAffectedRows extends FenceContract {
        OnMariaDbByMySqlsDriverThatCountsAffectedRows() {
            super(new MariaDbDatabase("mysql", "useAffectedRows=true"));
        }
    }

    @Nested
    @OnInstalledMariaDb
    class OnMariaDbByMySqlsDriverThatCompensates extends FenceContract {
        OnMariaDbByMySqlsDriverThatCompensates() {
            super(new MariaDbDatabase(
                    "mysql",
                    "useAffectedRows=true&compensateOnDuplicateKeyUpdateCounts=true&rewriteBatchedStatements=true"));
        }
    }

    @Tag("deep")
    @EnabledIf(
            value = "io.distributedmutex.jdbc.MariaDbDatabase#isInstalled",
            disabledReason = "no mariadbd is installed")
    @Retention(RetentionPolicy.RUNTIME)
    @interface OnInstalledMariaDb {}
}
