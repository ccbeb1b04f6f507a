package io.distributedmutex.examples.tenants;

import io.distributedmutex.jdbc.FenceDialect;
import io.distributedmutex.jdbc.JdbcFence;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.jdbc.core.JdbcTemplate;

/** One instance of the application. The mutex needs no line here: the starter makes it. */
@SpringBootApplication
public class TenantApplication {

    /** Starts an instance; Redis, PostgreSQL and port are properties. */
    public static void main(String[] arguments) {
        SpringApplication.run(TenantApplication.class, arguments);
    }

    /** Remembers the greatest fencing token of each key in a table of the same database, so in the same transaction. */
    @Bean
    JdbcFence fence(JdbcTemplate jdbc) {
        JdbcFence fence = JdbcFence.create();
        // For an example; an application has these two in its migrations. One instance at a time, or both create the
        // tables at once.
        jdbc.execute("SELECT pg_advisory_lock(1)");
        try {
            jdbc.execute(fence.ddl(FenceDialect.POSTGRESQL));
            jdbc.execute("""
                    CREATE TABLE IF NOT EXISTS tenant_settings (
                      tenant text PRIMARY KEY, plan text NOT NULL, version int NOT NULL, written_by text NOT NULL)""");
        } finally {
            jdbc.execute("SELECT pg_advisory_unlock_all()");
        }
        return fence;
    }
}
