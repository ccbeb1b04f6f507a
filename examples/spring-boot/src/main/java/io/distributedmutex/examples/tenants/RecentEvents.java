package io.distributedmutex.examples.tenants;

import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.List;
import org.springframework.stereotype.Component;

/** The last things that happened to the locks of this instance, for the page. The starter finds it as a bean. */
@Component
class RecentEvents implements MutexListener {

    private static final int KEPT = 12;

    private final ArrayDeque<String> lines = new ArrayDeque<>();

    synchronized void add(String line) {
        if (lines.size() == KEPT) {
            lines.removeLast();
        }
        lines.addFirst(LocalTime.now(ZoneId.systemDefault()).truncatedTo(ChronoUnit.MILLIS) + "  " + line);
    }

    synchronized List<String> latestFirst() {
        return List.copyOf(lines);
    }

    @Override
    public void onAcquired(Lease lease, Duration waited) {
        add("acquired " + lease.key() + " after " + waited.toMillis() + " ms, fencing token " + lease.fencingToken());
    }

    @Override
    public void onNotAcquired(String key, Duration waited, LockException outcome) {
        add("not acquired: " + outcome.getMessage());
    }

    @Override
    public void onReleased(Lease lease, Duration held) {
        add("released " + lease.key() + " after " + held.toMillis() + " ms");
    }

    @Override
    public void onLost(Lease lease, LossReason reason) {
        add("LOST " + lease.key() + " (" + reason + "), fencing token " + lease.fencingToken());
    }
}
