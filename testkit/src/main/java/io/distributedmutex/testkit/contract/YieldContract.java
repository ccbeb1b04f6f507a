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
import static io.distributedmutex.testkit.internal.ContractClient.yielding;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.testkit.internal.ContractClient;
import org.junit.jupiter.api.Test;

/** Giving a lease back and asking for the next one in one step. */
abstract class YieldContract extends FenceContract {

    @Test
    void whoYieldsAloneGetsTheNextLeaseAtOnce() {
        ContractClient client = contract().open();
        String first = newToken();
        String second = newToken();
        long fence = client.take(KEY, first).fencingToken();

        AcquireReply.Granted granted = client.mustGet(yielding(KEY, second, first));

        assertEquals(HELD, granted.released());
        assertTrue(granted.fencingToken() > fence, granted::toString);
        assertEquals(contract().fencingTokensPerGrant(), granted.fencingTokens());
        client.mustRemain(KEY, LEASE);
        assertEquals(0, client.waiters(KEY));
        assertEquals(TAKEN, client.release(KEY, first));
        assertEquals(HELD, client.release(KEY, second));
    }

    @Test
    void anotherInstanceThatWaitsComesBeforeWhoYields() {
        ContractClient client = contract().open();
        ContractClient other = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        client.take(KEY, first);
        other.queue(KEY, second);

        AcquireReply.Refused refused = client.mustNotGet(yielding(KEY, third, first));

        assertEquals(HELD, refused.released());
        assertEquals(other.label, refused.holder());
        long granted = other.awaitPush(KEY, second).fencingToken();
        assertTrue(refused.lastFencingToken() >= granted, refused::toString);
        assertEquals(1, other.waiters(KEY), "who gave it back waits for its next turn");
        other.release(KEY, second);
        client.awaitPush(KEY, third);
        client.release(KEY, third);
    }

    @Test
    void whoYieldsAndHasWaitedLongerThanTheOthersComesFirst() {
        ContractClient client = contract().open();
        ContractClient other = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        client.take(KEY, first);
        client.queue(KEY, second);
        other.queue(KEY, third);

        AcquireReply.Granted granted = client.mustGet(yielding(KEY, second, first));

        assertEquals(HELD, granted.released());
        assertEquals(1, client.waiters(KEY), "its own place is given up");
        client.release(KEY, second);
        other.awaitPush(KEY, third);
        other.release(KEY, third);
    }

    @Test
    void aYieldedLeaseThatHadEndedIsSaidToBeGone() {
        ContractClient client = contract().open();
        String first = newToken();
        String second = newToken();
        client.mustGet(trying(KEY, first, SHORT));
        contract().elapseMoreThanShort();

        AcquireReply.Granted granted = client.mustGet(yielding(KEY, second, first));

        assertEquals(GONE, granted.released());
        assertEquals(HELD, client.release(KEY, second));
    }

    @Test
    void aYieldedLeaseThatWasTakenIsSaidToBeAndItsNewHolderIsNotTouched() {
        ContractClient late = contract().open();
        ContractClient successor = contract().open();
        String old = newToken();
        String current = newToken();
        String next = newToken();
        late.mustGet(trying(KEY, old, SHORT));
        contract().elapseMoreThanShort();
        successor.take(KEY, current);

        AcquireReply.Refused refused = late.mustNotGet(yielding(KEY, next, old));

        assertEquals(TAKEN, refused.released());
        assertEquals(successor.label, refused.holder());
        successor.mustBeHeldBy(successor, KEY);
        successor.mustRemain(KEY, LEASE);
        assertEquals(HELD, successor.release(KEY, current));
        late.awaitPush(KEY, next);
        late.release(KEY, next);
    }

    @Test
    void aYieldedLeaseThatTheStoreLostIsSaidToBeLost() {
        ContractClient client = contract().open();
        String first = newToken();
        String second = newToken();
        client.take(KEY, first);
        contract().loseAllData();

        assertEquals(STORE_LOST, client.mustGet(yielding(KEY, second, first)).released());
        client.release(KEY, second);
    }

    @Test
    void aRepeatedYieldIsGrantedTheSameLeaseAgain() {
        ContractClient client = contract().open();
        String first = newToken();
        String second = newToken();
        client.take(KEY, first);
        AcquireReply.Granted granted = client.mustGet(yielding(KEY, second, first));

        AcquireReply.Granted again = client.mustGet(yielding(KEY, second, first));

        assertTrue(again.fencingToken() >= granted.fencingToken(), again::toString);
        assertEquals(1, again.fencingTokens());
        assertEquals(HELD, client.release(KEY, second));
    }

    @Test
    void aRepeatedYieldDoesNotGiveBackTheGrantOfAnother() {
        ContractClient client = contract().open();
        ContractClient other = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        client.take(KEY, first);
        other.queue(KEY, second);
        client.mustNotGet(yielding(KEY, third, first));

        AcquireReply.Refused again = client.mustNotGet(yielding(KEY, third, first));

        assertEquals(TAKEN, again.released());
        other.mustBeHeldBy(other, KEY);
        assertEquals(1, other.waiters(KEY));
        other.release(KEY, second);
        client.awaitPush(KEY, third);
        client.release(KEY, third);
    }

    @Test
    void whoOnlyTriesMayYieldToo() {
        ContractClient client = contract().open();
        ContractClient other = contract().open();
        String first = newToken();
        String second = newToken();
        client.take(KEY, first);
        other.queue(KEY, second);
        AcquireRequest polite = queueing(KEY, newToken());
        AcquireRequest trying = new AcquireRequest(
                KEY, polite.token(), polite.leaseMillis(), false, polite.claimMillis(), polite.aliveMillis(), first);

        AcquireReply.Refused refused = client.mustNotGet(trying);

        assertEquals(HELD, refused.released());
        other.awaitPush(KEY, second);
        assertEquals(0, other.waiters(KEY));
        other.release(KEY, second);
    }
}
