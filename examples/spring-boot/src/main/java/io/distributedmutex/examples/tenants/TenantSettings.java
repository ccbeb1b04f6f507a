package io.distributedmutex.examples.tenants;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.spring.TransactionFence;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionTemplate;

/** Reads and updates the settings of tenants. */
@Service
class TenantSettings {

    private final DistributedMutex mutex;
    private final TransactionFence fence;
    private final JdbcTemplate jdbc;
    private final TransactionTemplate transactions;

    TenantSettings(
            DistributedMutex mutex, TransactionFence fence, JdbcTemplate jdbc, TransactionTemplate transactions) {
        this.mutex = mutex;
        this.fence = fence;
        this.jdbc = jdbc;
        this.transactions = transactions;
    }

    /** A row of the table. */
    record Row(String tenant, String plan, int version, String writtenBy) {}

    /**
     * Changes a tenant's plan. The lock is acquired before the transaction begins and released after it has ended, so the next
     * holder reads what this one wrote.
     *
     * @param think how long the work before the write takes: a slow service, or a long pause of the process
     * @return the new version
     */
    int update(String tenant, String plan, Duration think) {
        return mutex.call("tenant:" + tenant + ":settings", lease -> {
            Row before = read(tenant);
            pause(think);
            Integer version = transactions.execute(status -> write(lease, tenant, plan, before));
            return version == null ? 0 : version;
        });
    }

    private @Nullable Row read(String tenant) {
        return jdbc.query("SELECT * FROM tenant_settings WHERE tenant = ?", TenantSettings::row, tenant).stream()
                .findFirst()
                .orElse(null);
    }

    /** Written as programs are that trust their lock: version + 1 is counted here, not in the database. */
    private int write(Lease lease, String tenant, String plan, @Nullable Row before) {
        // The token, not lease.isValid(): whoever was stopped just now does not know yet that the lease is over.
        fence.check(lease.key(), lease.fencingToken());
        int version = before == null ? 1 : before.version() + 1;
        jdbc.update("""
                INSERT INTO tenant_settings VALUES (?, ?, ?, ?) ON CONFLICT (tenant)
                DO UPDATE SET plan = EXCLUDED.plan, version = EXCLUDED.version, written_by = EXCLUDED.written_by""", tenant, plan, version, mutex.status().holderLabel());
        return version;
    }

    List<Row> all() {
        return jdbc.query("SELECT * FROM tenant_settings ORDER BY tenant", TenantSettings::row);
    }

    private static Row row(java.sql.ResultSet found, int number) throws java.sql.SQLException {
        return new Row(
                found.getString("tenant"),
                found.getString("plan"),
                found.getInt("version"),
                found.getString("written_by"));
    }

    private static void pause(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted at work", e);
        }
    }
}
