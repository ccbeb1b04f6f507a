package io.distributedmutex.testkit.contract;

import static io.distributedmutex.spi.Ownership.GONE;
import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.spi.Ownership.STORE_LOST;
import static io.distributedmutex.spi.Ownership.TAKEN;
import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.LEASE;
import static io.distributedmutex.testkit.internal.ContractClient.SHORT;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.distributedmutex.LockInfo;
import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** How long a lease lasts still. */
abstract class RenewalContract extends QueueContract {

    @Test
    void aRenewalLengthensALeaseAndNeverShortensIt() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);

        assertEquals(HELD, client.renew(KEY, token, Duration.ofMillis(1)));
        client.mustRemain(KEY, LEASE);

        assertEquals(HELD, client.renew(KEY, token, LEASE.multipliedBy(2)));
        client.mustRemain(KEY, LEASE.multipliedBy(2));
        client.release(KEY, token);
    }

    @Test
    void aRenewedLeaseOutlivesItsFirstEnd() {
        ContractClient client = contract().open();
        String token = newToken();
        client.mustGet(trying(KEY, token, SHORT));
        client.renew(KEY, token, LEASE);

        contract().elapseMoreThanShort();

        client.mustBeHeldBy(client, KEY);
        assertEquals(HELD, client.release(KEY, token));
    }

    @Test
    void aRenewalChangesNothingElse() {
        ContractClient client = contract().open();
        ContractClient waiter = contract().open();
        String token = newToken();
        String second = newToken();
        client.take(KEY, token);
        waiter.queue(KEY, second);
        LockInfo before = client.mustBeHeld(KEY);

        client.renew(KEY, token, LEASE.multipliedBy(2));

        LockInfo after = client.mustBeHeld(KEY);
        assertEquals(before.holder(), after.holder());
        assertEquals(before.fencingToken(), after.fencingToken());
        assertEquals(1, after.waiters());
        client.release(KEY, token);
        waiter.awaitPush(KEY, second);
        waiter.release(KEY, second);
    }

    @Test
    void aForeignTokenRenewsNothing() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);

        assertEquals(TAKEN, contract().open().renew(KEY, newToken(), LEASE.multipliedBy(2)));
        assertEquals(TAKEN, client.renew(KEY, newToken(), Duration.ofMillis(1)));

        client.mustRemain(KEY, LEASE);
        client.release(KEY, token);
    }

    @Test
    void aLeaseThatHasEndedIsNotRaisedFromTheDead() {
        ContractClient client = contract().open();
        String token = newToken();
        client.mustGet(trying(KEY, token, SHORT));
        contract().elapseMoreThanShort();

        assertEquals(GONE, client.renew(KEY, token, LEASE));

        client.mustBeFree(KEY);
    }

    @Test
    void aLeaseThatWasReleasedIsNotRaisedFromTheDead() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);
        client.release(KEY, token);

        // As a renewal that overtook nothing but came late.
        assertEquals(GONE, client.renew(KEY, token, LEASE));

        client.mustBeFree(KEY);
    }

    @Test
    void aLeaseThatAnotherTookIsNotRenewed() {
        ContractClient late = contract().open();
        ContractClient successor = contract().open();
        String old = newToken();
        String current = newToken();
        late.mustGet(trying(KEY, old, SHORT));
        contract().elapseMoreThanShort();
        successor.take(KEY, current);

        assertEquals(TAKEN, late.renew(KEY, old, LEASE.multipliedBy(2)));

        successor.mustBeHeldBy(successor, KEY);
        successor.mustRemain(KEY, LEASE);
        successor.release(KEY, current);
    }

    @Test
    void aRenewedLeaseThatTheStoreLostIsSaidToBeLost() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);

        contract().loseAllData();

        assertEquals(STORE_LOST, client.renew(KEY, token, LEASE));
        client.mustBeFree(KEY);
    }

    @Test
    void aWaiterRenewsNothing() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.mustNotGet(queueing(KEY, second));

        assertEquals(TAKEN, waiter.renew(KEY, second, LEASE.multipliedBy(2)));

        holder.mustRemain(KEY, LEASE);
        waiter.cancel(KEY, second);
        holder.release(KEY, first);
    }
}
