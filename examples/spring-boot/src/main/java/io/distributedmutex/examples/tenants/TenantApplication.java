package io.distributedmutex.examples.tenants;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.jdbc.FenceDialect;
import io.distributedmutex.jdbc.JdbcFence;
import io.distributedmutex.spring.TransactionFence;
import java.time.Duration;
import javax.sql.DataSource;
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
    TransactionFence fence(DataSource dataSource, JdbcTemplate jdbc, DistributedMutex mutex) {
        JdbcFence fence = JdbcFence.create();
        // An application has these two in its migrations. Under the lock, since two instances may start at once.
        DistributedMutex patient =
                mutex.with(options -> options.waitTime(Duration.ofMinutes(1)).autoRenew(Duration.ofMinutes(5)));
        patient.run("tenants:tables", lease -> {
            jdbc.execute(fence.ddl(FenceDialect.POSTGRESQL));
            jdbc.execute("""
                    CREATE TABLE IF NOT EXISTS tenant_settings (
                      tenant text PRIMARY KEY, plan text NOT NULL, version int NOT NULL, written_by text NOT NULL)""");
        });
        return new TransactionFence(dataSource, fence);
    }
}
