package io.distributedmutex.micrometer;

import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.contract.LockStoreContract;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A store that is timed is a store as before. */
class TimedLockStoreContractTest extends LockStoreContract {

    private final ManualTime time = ManualTime.create();
    private final InMemoryLockStore data = new InMemoryLockStore(time);
    private final MutexMetrics metrics = MutexMetrics.create(new SimpleMeterRegistry());

    @Override
    protected LockStore newStore() {
        return metrics.timed(data.sibling());
    }

    @Override
    protected void elapse(Duration duration) {
        time.advance(duration);
    }

    @Override
    protected void deleteKey(String key) {
        data.delete(key);
    }

    @Override
    protected void loseAllData() {
        data.loseData();
    }

    @Override
    protected void putForeignValue(String key, @Nullable Duration remaining) {
        data.putForeign(key, remaining);
    }

    @Override
    protected boolean putWrongType(String key) {
        data.putWrongType(key);
        return true;
    }

    @Override
    protected Set<String> leftovers() {
        Set<String> leftovers = new TreeSet<>(data.contents().heldKeys());
        leftovers.addAll(data.contents().waiters().keySet());
        return leftovers;
    }
}
