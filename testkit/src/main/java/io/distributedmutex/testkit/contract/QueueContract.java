package io.distributedmutex.testkit.contract;

import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.testkit.internal.ContractClient.ALIVE;
import static io.distributedmutex.testkit.internal.ContractClient.CLAIM;
import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.LEASE;
import static io.distributedmutex.testkit.internal.ContractClient.SHORT;
import static io.distributedmutex.testkit.internal.ContractClient.await;
import static io.distributedmutex.testkit.internal.ContractClient.inOwnThread;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.testkit.internal.ContractClient;
import io.distributedmutex.testkit.internal.ContractClient.Push;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The queue: who waits, who is next, and how the next one learns of it. */
abstract class QueueContract extends DepartureContract {

    @Test
    void aReleaseGrantsTheFirstWaiterAndTellsIt() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        long fence = holder.take(KEY, first).fencingToken();
        AcquireReply.Refused refused = waiter.queue(KEY, second);
        assertEquals(holder.label, refused.holder());
        assertEquals(1, holder.waiters(KEY));

        assertEquals(HELD, holder.release(KEY, first));

        Push push = waiter.awaitPush(KEY, second);
        assertTrue(push.fencingToken() > fence, push::toString);
        assertEquals(contract().fencingTokensPerGrant(), push.fencingTokens());
        waiter.mustBeHeldBy(waiter, KEY);
        assertEquals(
                OptionalLong.of(push.fencingToken()), waiter.mustBeHeld(KEY).fencingToken());
        assertEquals(0, waiter.waiters(KEY));
        assertEquals(HELD, waiter.release(KEY, second));
    }

    @Test
    void aGrantLastsForTheClaimTimeUntilItsOwnerClaimsIt() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);
        holder.release(KEY, first);
        waiter.awaitPush(KEY, second);
        waiter.mustRemain(KEY, CLAIM);

        assertEquals(HELD, waiter.renew(KEY, second, LEASE));

        waiter.mustRemain(KEY, LEASE);
        waiter.release(KEY, second);
    }

    @Test
    void aWaiterWhosePushWasLostIsGrantedAtItsNextPoll() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);
        holder.release(KEY, first);
        Push lost = waiter.awaitPush(KEY, second);

        AcquireReply.Granted granted = waiter.mustGet(queueing(KEY, second));

        assertEquals(lost.fencingToken(), granted.fencingToken());
        waiter.mustRemain(KEY, LEASE);
        assertEquals(0, waiter.waiters(KEY));
        waiter.release(KEY, second);
        waiter.mustBeFree(KEY);
    }

    @Test
    void aGrantThatNobodyClaimsPassesOn() {
        ContractClient holder = contract().open();
        ContractClient silent = contract().open();
        ContractClient next = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        holder.take(KEY, first);
        silent.mustNotGet(queueing(KEY, second, SHORT, ALIVE));
        next.queue(KEY, third);
        holder.release(KEY, first);
        long unclaimed = silent.awaitPush(KEY, second).fencingToken();
        contract().elapseMoreThanShort();

        AcquireReply.Granted granted = next.mustGet(queueing(KEY, third));

        assertTrue(granted.fencingToken() > unclaimed, granted::toString);
        // Were it alive after all, it would have to queue again, and would learn that its push is stale.
        assertTrue(silent.queue(KEY, second).lastFencingToken() >= unclaimed);
        silent.cancel(KEY, second);
        next.release(KEY, third);
    }

    @Test
    void twentyWaitersAreServedInTheOrderOfTheirArrival() {
        ContractClient owner = contract().open();
        String token = newToken();
        long fence = owner.take(KEY, token).fencingToken();
        List<ContractClient> waiters = new ArrayList<>();
        List<String> tokens = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            waiters.add(contract().open());
            tokens.add(newToken());
            waiters.get(i).queue(KEY, tokens.get(i));
        }
        assertEquals(20, owner.waiters(KEY));
        // Polls, which come in any order, change nothing.
        for (int i = 19; i >= 0; i -= 3) {
            waiters.get(i).queue(KEY, tokens.get(i));
        }
        assertEquals(20, owner.waiters(KEY));

        for (int i = 0; i < 20; i++) {
            assertEquals(HELD, owner.release(KEY, token));
            owner = waiters.get(i);
            token = tokens.get(i);
            Push push = owner.awaitPush(KEY, token);
            assertTrue(push.fencingToken() > fence, push::toString);
            fence = push.fencingToken();
            assertEquals(19 - i, owner.waiters(KEY));
        }
        owner.release(KEY, token);
        waiters.forEach(ContractClient::mustHaveNoPush);
    }

    @Test
    void eachTokenHasAPlaceOfItsOwn() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        ContractClient later = contract().open();
        String first = newToken();
        String early = newToken();
        String abandoned = newToken();
        String late = newToken();
        String last = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, early);
        waiter.queue(KEY, abandoned);
        later.queue(KEY, last);
        waiter.queue(KEY, late);
        assertEquals(4, holder.waiters(KEY));
        waiter.cancel(KEY, abandoned);
        assertEquals(3, holder.waiters(KEY));

        holder.release(KEY, first);

        waiter.awaitPush(KEY, early);
        waiter.release(KEY, early);
        later.awaitPush(KEY, last);
        later.release(KEY, last);
        waiter.awaitPush(KEY, late);
        waiter.release(KEY, late);
    }

    @Test
    void aHolderMayQueueForItsNextLease() {
        ContractClient client = contract().open();
        ContractClient other = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        client.take(KEY, first);
        other.queue(KEY, second);
        client.queue(KEY, third);

        client.release(KEY, first);
        other.awaitPush(KEY, second);
        other.release(KEY, second);

        client.awaitPush(KEY, third);
        client.release(KEY, third);
    }

    @Test
    void aFreeKeyIsNotTakenFromUnderItsWaitersByWhoOnlyTries() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        ContractClient barger = contract().open();
        String second = newToken();
        holder.mustGet(trying(KEY, newToken(), SHORT));
        waiter.queue(KEY, second);
        contract().elapseMoreThanShort();

        AcquireReply.Refused refused = barger.mustNotGet(trying(KEY, newToken()));

        assertEquals(waiter.label, refused.holder());
        waiter.awaitPush(KEY, second);
        assertEquals(0, waiter.waiters(KEY));
        waiter.release(KEY, second);
    }

    @Test
    void aFreeKeyIsNotTakenFromUnderItsWaitersByANewcomer() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        ContractClient newcomer = contract().open();
        String second = newToken();
        String third = newToken();
        holder.mustGet(trying(KEY, newToken(), SHORT));
        waiter.queue(KEY, second);
        contract().elapseMoreThanShort();

        AcquireReply.Refused refused = newcomer.queue(KEY, third);

        assertEquals(waiter.label, refused.holder());
        waiter.awaitPush(KEY, second);
        assertEquals(1, waiter.waiters(KEY));
        waiter.release(KEY, second);
        newcomer.awaitPush(KEY, third);
        newcomer.release(KEY, third);
    }

    @Test
    void whoOnlyTriesDoesNotTakeTheTurnOfAWaiterOfItsOwnInstance() {
        ContractClient holder = contract().open();
        ContractClient client = contract().open();
        String waiting = newToken();
        holder.mustGet(trying(KEY, newToken(), SHORT));
        client.queue(KEY, waiting);
        contract().elapseMoreThanShort();

        AcquireReply.Refused refused = client.mustNotGet(trying(KEY, newToken()));

        assertEquals(client.label, refused.holder());
        client.awaitPush(KEY, waiting);
        client.release(KEY, waiting);
    }

    @Test
    void aFirstWaiterThatFindsTheKeyFreeIsGranted() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        ContractClient later = contract().open();
        String second = newToken();
        String third = newToken();
        holder.mustGet(trying(KEY, newToken(), SHORT));
        waiter.queue(KEY, second);
        later.queue(KEY, third);
        contract().elapseMoreThanShort();

        AcquireReply.Granted granted = waiter.mustGet(queueing(KEY, second));

        assertEquals(contract().fencingTokensPerGrant(), granted.fencingTokens());
        waiter.mustRemain(KEY, LEASE);
        assertEquals(1, waiter.waiters(KEY), "its place in the queue is given up");
        waiter.release(KEY, second);
        later.awaitPush(KEY, third);
        later.release(KEY, third);
        waiter.mustHaveNoPush();
    }

    @Test
    void aLaterWaiterThatFindsTheKeyFreeHandsItToTheFirst() {
        ContractClient holder = contract().open();
        ContractClient first = contract().open();
        ContractClient later = contract().open();
        String second = newToken();
        String third = newToken();
        holder.mustGet(trying(KEY, newToken(), SHORT));
        first.queue(KEY, second);
        later.queue(KEY, third);
        contract().elapseMoreThanShort();

        assertEquals(first.label, later.queue(KEY, third).holder());

        first.awaitPush(KEY, second);
        assertEquals(1, first.waiters(KEY));
        first.release(KEY, second);
        later.awaitPush(KEY, third);
        later.release(KEY, third);
    }

    @Test
    void aReplySaysWhichPushesAreOlderThanIt() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        long fence = holder.take(KEY, first).fencingToken();

        long before = waiter.queue(KEY, second).lastFencingToken();
        assertTrue(before >= fence);
        holder.release(KEY, first);

        assertTrue(waiter.awaitPush(KEY, second).fencingToken() > before);
        waiter.release(KEY, second);
    }

    @Test
    void aKeptKeyIsGrantedToItsWaiterOnceItsTimeIsOver() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);

        assertEquals(HELD, holder.keep(KEY, first, SHORT));
        assertEquals(1, waiter.waiters(KEY));
        waiter.queue(KEY, second);
        contract().elapseMoreThanShort();

        waiter.mustGet(queueing(KEY, second));
        waiter.mustHaveNoPush();
        waiter.release(KEY, second);
    }

    @Test
    void aLabelReachesTheLeaseThroughTheQueue() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open("a|b|\n\u00e4|");
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);
        holder.release(KEY, first);
        waiter.awaitPush(KEY, second);

        holder.mustBeHeldBy(waiter, KEY);
        waiter.release(KEY, second);
    }

    @Test
    void instancesThatContendAreInsideOneAtATimeWithRisingFences() {
        int instances = 4;
        int rounds = 25;
        AtomicInteger inside = new AtomicInteger();
        AtomicLong lastFence = new AtomicLong();
        List<CompletableFuture<Integer>> all = new ArrayList<>();
        for (int i = 0; i < instances; i++) {
            ContractClient client = contract().open();
            all.add(inOwnThread(() -> {
                for (int round = 0; round < rounds; round++) {
                    String token = newToken();
                    long fence = waitFor(client, token);
                    assertEquals(1, inside.incrementAndGet());
                    assertTrue(lastFence.getAndSet(fence) < fence);
                    inside.decrementAndGet();
                    assertEquals(HELD, client.release(KEY, token));
                }
                return rounds;
            }));
        }
        all.forEach(rounder -> assertEquals(rounds, await(rounder)));
    }

    /** Waits as an instance does: by pushes, and by polls in case one is lost. Returns the fencing token. */
    private static long waitFor(ContractClient client, String token) {
        for (int poll = 0; poll < 1000; poll++) {
            if (client.ask(queueing(KEY, token)) instanceof AcquireReply.Granted granted) {
                return granted.fencingToken();
            }
            Push push = client.nextPush(Duration.ofMillis(250));
            while (push != null && !push.token().equals(token)) {
                // Told by a poll already.
                push = client.nextPush(Duration.ofMillis(250));
            }
            if (push != null) {
                return push.fencingToken();
            }
        }
        throw new AssertionError("never granted");
    }
}
