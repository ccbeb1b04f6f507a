package io.distributedmutex.testkit.contract;

import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;

/**
 * What every {@link LockStore} must do, as tests. Extend it for a store of yours: say how to make store objects, and how to
 * do what an administrator does. The repository's {@code docs/writing-a-store.md} has the skeleton of such a test, and says
 * what each page asks.
 *
 * <p>The data is emptied before each test. After each, everything must be gone but fence counters. Each thing that a store
 * does has a page of tests. Time passes in {@link #elapse} only, so a store on a manual clock is tested in no time; on a
 * real clock the whole takes about 20 s.
 */
public abstract class LockStoreContract extends OwnershipContract {

    private final List<ContractClient> clients = new ArrayList<>();

    /** For subclasses. */
    protected LockStoreContract() {}

    /**
     * Makes the store object of one more instance, not yet started. All that are made within a test share the same
     * data.
     *
     * @return a new store object; the contract closes it
     */
    protected abstract LockStore newStore();

    /**
     * Lets time pass for the store: moves a manual clock, or waits.
     *
     * @param duration how long; a real clock may take a little longer, but not less
     */
    protected abstract void elapse(Duration duration);

    /**
     * Deletes a key behind the store's back, as an administrator might.
     *
     * @param key the key as the user gives it
     */
    protected abstract void deleteKey(String key);

    /** Deletes all data behind the store's back: leases, queues and fence counters. */
    protected abstract void loseAllData();

    /**
     * Writes a value to a key as another lock library would, whoever holds it.
     *
     * @param key the key as the user gives it
     * @param remaining until the value expires, or null for never
     */
    protected abstract void putForeignValue(String key, @Nullable Duration remaining);

    /**
     * What is in the store, except fence counters: held keys, queues, everything.
     *
     * @return names that tell a reader what was left behind
     */
    protected abstract Set<String> leftovers();

    /**
     * Writes something to a key that cannot be a lock, if there is such a thing in this kind of store. By default there
     * is not, and the tests that need it are skipped.
     *
     * @param key the key as the user gives it
     * @return whether it was done
     */
    protected boolean putWrongType(String key) {
        return false;
    }

    /**
     * How many fencing tokens a lease gets that comes out of the queue or by giving back another: 64 unless overridden.
     *
     * @return the size of a block; 1 or more
     */
    protected int fencingTokensPerGrant() {
        return 64;
    }

    /**
     * Whether the store sees that a waiting instance is gone when its turn comes (true unless overridden), so that the
     * next one is granted at once, and not when the grant's claim time or the sign of life has run out.
     *
     * @return whether closed waiters are noticed
     */
    protected boolean noticesClosedWaiters() {
        return true;
    }

    @Override
    final LockStoreContract contract() {
        return this;
    }

    /** Begins with nothing, whatever the test before left. */
    @BeforeEach
    void forgetEverything() {
        loseAllData();
    }

    /** The oracle: whoever took something gave it back, and the store kept nothing of its own. */
    @AfterEach
    void nothingIsLeft() {
        try {
            Assertions.assertEquals(Set.of(), Set.copyOf(leftovers()), "left in the store after the test");
        } finally {
            clients.forEach(ContractClient::close);
        }
    }

    /** Makes an instance with a label of its own. */
    final ContractClient open() {
        return open("instance-" + (clients.size() + 1));
    }

    final ContractClient open(String label) {
        ContractClient client = new ContractClient(newStore(), label);
        clients.add(client);
        return client;
    }

    /** Lets a little more time pass than {@link ContractClient#SHORT}, since clocks count whole milliseconds. */
    final void elapseMoreThanShort() {
        elapse(ContractClient.SHORT.plusMillis(5));
    }
}
