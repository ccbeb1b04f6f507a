package io.distributedmutex.testkit.contract;

import static io.distributedmutex.spi.Ownership.GONE;
import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.spi.Ownership.STORE_LOST;
import static io.distributedmutex.spi.Ownership.TAKEN;
import static io.distributedmutex.testkit.internal.ContractClient.FOREIGN;
import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.LEASE;
import static io.distributedmutex.testkit.internal.ContractClient.SHORT;
import static io.distributedmutex.testkit.internal.ContractClient.failure;
import static io.distributedmutex.testkit.internal.ContractClient.mustBeAbout;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/**
 * What an administrator sees and does, and what other programs do to the keys: nobody is harmed beyond what was meant.
 */
abstract class AdministrationContract extends KeyContract {

    // ---- looking

    @Test
    void aFreeKeyIsSeenAsFree() {
        ContractClient client = contract().open();

        assertEquals(Optional.empty(), client.inspect(KEY));
        assertEquals(Optional.empty(), client.forceRelease(KEY));
        assertEquals(Set.of(), contract().leftovers());
    }

    @Test
    void lookingChangesNothing() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        AcquireReply.Granted granted = holder.take(KEY, first);
        waiter.queue(KEY, second);

        for (int i = 0; i < 3; i++) {
            LockInfo info = waiter.mustBeHeld(KEY);
            assertEquals(KEY, info.key());
            assertEquals(Optional.of(holder.label), info.holder());
            ContractClient.mustNotTellAnother(granted.fencingToken(), info);
            mustBeAbout(LEASE, info.remaining().orElseThrow());
            assertEquals(1, info.waiters());
        }

        waiter.cancel(KEY, second);
        assertEquals(HELD, holder.release(KEY, first));
    }

    // ---- taking by force

    @Test
    void aForcedReleaseFreesTheKeyAndSaysWhoHeldIt() {
        ContractClient holder = contract().open();
        ContractClient administrator = contract().open();
        String token = newToken();
        long fence = holder.take(KEY, token).fencingToken();

        LockInfo before = administrator.forceRelease(KEY).orElseThrow();

        assertEquals(Optional.of(holder.label), before.holder());
        ContractClient.mustNotTellAnother(fence, before);
        mustBeAbout(LEASE, before.remaining().orElseThrow());
        holder.mustBeFree(KEY);
        assertEquals(GONE, holder.renew(KEY, token, LEASE));
        assertEquals(GONE, holder.release(KEY, token));
        assertEquals(Optional.empty(), administrator.forceRelease(KEY));
    }

    @Test
    void aForcedReleaseGrantsTheFirstWaiter() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);

        assertEquals(1, contract().open().forceRelease(KEY).orElseThrow().waiters());

        waiter.awaitPush(KEY, second);
        assertEquals(TAKEN, holder.release(KEY, first));
        waiter.mustBeHeldBy(waiter, KEY);
        waiter.release(KEY, second);
    }

    @Test
    void aForcedReleaseTakesAKeptKey() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);
        client.keep(KEY, token, LEASE);

        assertEquals(
                Optional.of(client.label),
                client.forceRelease(KEY).orElseThrow().holder());

        client.mustBeFree(KEY);
    }

    @Test
    void aForcedReleaseTakesAForeignValue() {
        ContractClient client = contract().open();
        contract().putForeignValue(KEY, null);

        LockInfo before = client.forceRelease(KEY).orElseThrow();

        assertEquals(Optional.empty(), before.holder());
        assertEquals(Optional.empty(), before.remaining());
        client.mustBeFree(KEY);
    }

    // ---- deletion and loss

    @Test
    void aHolderWhoseKeyWasDeletedIsToldAndHarmsNobody() {
        ContractClient holder = contract().open();
        ContractClient other = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);

        contract().deleteKey(KEY);

        assertEquals(GONE, holder.renew(KEY, first, LEASE));
        other.take(KEY, second);
        assertEquals(TAKEN, holder.renew(KEY, first, LEASE));
        assertEquals(TAKEN, holder.release(KEY, first));
        other.mustBeHeldBy(other, KEY);
        assertEquals(HELD, other.release(KEY, second));
    }

    @Test
    void waitersOfADeletedKeyGetItByTheirNextPoll() {
        ContractClient holder = contract().open();
        ContractClient one = contract().open();
        ContractClient two = contract().open();
        String second = newToken();
        String third = newToken();
        holder.take(KEY, newToken());
        one.queue(KEY, second);
        two.queue(KEY, third);

        contract().deleteKey(KEY);

        two.mustNotGet(queueing(KEY, third));
        one.awaitPush(KEY, second);
        one.release(KEY, second);
        two.awaitPush(KEY, third);
        two.release(KEY, third);
    }

    @Test
    void afterTheLossOfAllDataEverybodyIsToldAndTheNextLeaseWorks() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);

        contract().loseAllData();

        assertEquals(STORE_LOST, holder.renew(KEY, first, LEASE));
        assertEquals(STORE_LOST, holder.release(KEY, first));
        assertEquals(STORE_LOST, holder.cancel(KEY, first));
        // The queue is gone, so the waiter's poll is as its first request.
        waiter.mustGet(queueing(KEY, second));
        assertEquals(TAKEN, holder.release(KEY, first));
        waiter.mustBeHeldBy(waiter, KEY);
        assertEquals(HELD, waiter.release(KEY, second));
        assertEquals(GONE, holder.release(KEY, first), "the store has data again");
    }

    // ---- other programs

    @Test
    void aForeignValueIsRespected() {
        ContractClient client = contract().open();
        contract().putForeignValue(KEY, FOREIGN);

        AcquireReply.Refused refused = client.mustNotGet(trying(KEY, newToken()));

        assertNull(refused.holder());
        mustBeAbout(FOREIGN, Duration.ofMillis(refused.remainingMillis()));
        LockInfo info = client.mustBeHeld(KEY);
        assertEquals(Optional.empty(), info.holder());
        assertEquals(OptionalLong.empty(), info.fencingToken());
        mustBeAbout(FOREIGN, info.remaining().orElseThrow());
        contract().deleteKey(KEY);
    }

    @Test
    void aForeignValueWithoutAnEndIsRespected() {
        ContractClient client = contract().open();
        contract().putForeignValue(KEY, null);

        AcquireReply.Refused refused = client.mustNotGet(trying(KEY, newToken()));

        assertNull(refused.holder());
        assertEquals(-1, refused.remainingMillis());
        assertEquals(Optional.empty(), client.mustBeHeld(KEY).remaining());
        contract().deleteKey(KEY);
    }

    @Test
    void aForeignValueIsNotTouchedByOurTokens() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);
        contract().putForeignValue(KEY, FOREIGN);

        assertEquals(TAKEN, client.renew(KEY, token, LEASE));
        assertEquals(TAKEN, client.cancel(KEY, token));
        assertEquals(TAKEN, client.release(KEY, token));

        client.mustRemain(KEY, FOREIGN);
        contract().deleteKey(KEY);
    }

    @Test
    void whoWaitsForAForeignValueIsGrantedWhenItEnds() {
        ContractClient client = contract().open();
        String token = newToken();
        contract().putForeignValue(KEY, SHORT);
        assertNull(client.queue(KEY, token).holder());
        assertEquals(1, client.waiters(KEY));

        contract().elapseMoreThanShort();

        client.mustGet(queueing(KEY, token));
        client.release(KEY, token);
    }

    @Test
    void aKeyThatHoldsSomethingElseIsAnErrorAndIsLeftAlone() {
        assumeTrue(contract().putWrongType(KEY), "this store has nothing but locks");
        ContractClient client = contract().open();
        String token = newToken();

        List<CompletionStage<?>> calls = List.of(
                client.store.acquire(trying(KEY, token)),
                client.store.acquire(queueing(KEY, token)),
                client.store.release(KEY, token, 0),
                client.store.renew(KEY, token, LEASE.toMillis()),
                client.store.inspect(KEY),
                client.store.forceRelease(KEY));

        for (CompletionStage<?> call : calls) {
            StoreRefusedException refused = assertInstanceOf(StoreRefusedException.class, failure(call));
            assertEquals(StoreRefusedException.Reason.WRONG_TYPE, refused.reason());
        }
        contract().deleteKey(KEY);
        assertEquals(Set.of(), contract().leftovers());
    }

    @Test
    void aWaiterLeavesTheQueueOfAKeyThatBecameSomethingElse() {
        assumeTrue(contract().putWrongType(KEY), "this store has nothing but locks");
        contract().deleteKey(KEY);
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String second = newToken();
        String third = newToken();
        holder.take(KEY, newToken());
        waiter.queue(KEY, second);
        contract().deleteKey(KEY);
        contract().putWrongType(KEY);

        assertEquals(TAKEN, waiter.cancel(KEY, second));

        contract().deleteKey(KEY);
        holder.take(KEY, third);
        assertEquals(0, holder.waiters(KEY));
        holder.release(KEY, third);
    }
}
