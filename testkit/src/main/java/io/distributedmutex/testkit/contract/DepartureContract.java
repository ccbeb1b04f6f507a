package io.distributedmutex.testkit.contract;

import static io.distributedmutex.spi.Ownership.GONE;
import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.spi.Ownership.TAKEN;
import static io.distributedmutex.testkit.internal.ContractClient.CLAIM;
import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.SHORT;
import static io.distributedmutex.testkit.internal.ContractClient.await;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/** Waiters that leave, die or were never there: they leave nothing behind and delay nobody. */
abstract class DepartureContract extends YieldContract {

    @Test
    void aWaiterThatCancelsIsOutOfTheQueue() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);

        assertEquals(TAKEN, waiter.cancel(KEY, second));
        assertEquals(TAKEN, waiter.cancel(KEY, second), "repeating it does no harm");

        assertEquals(0, holder.waiters(KEY));
        holder.release(KEY, first);
        holder.mustBeFree(KEY);
        waiter.mustHaveNoPush();
    }

    @Test
    void theOthersKeepTheirOrderWhenOneCancels() {
        ContractClient holder = contract().open();
        List<ContractClient> waiters =
                List.of(contract().open(), contract().open(), contract().open());
        List<String> tokens = List.of(newToken(), newToken(), newToken());
        String first = newToken();
        holder.take(KEY, first);
        for (int i = 0; i < 3; i++) {
            waiters.get(i).queue(KEY, tokens.get(i));
        }

        waiters.get(1).cancel(KEY, tokens.get(1));

        holder.release(KEY, first);
        waiters.get(0).awaitPush(KEY, tokens.get(0));
        waiters.get(0).release(KEY, tokens.get(0));
        waiters.get(2).awaitPush(KEY, tokens.get(2));
        waiters.get(2).release(KEY, tokens.get(2));
        waiters.get(1).mustHaveNoPush();
    }

    @Test
    void aCancelAfterTheGrantHandsOnToTheNext() {
        ContractClient holder = contract().open();
        ContractClient leaving = contract().open();
        ContractClient next = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        holder.take(KEY, first);
        leaving.queue(KEY, second);
        next.queue(KEY, third);
        holder.release(KEY, first);

        // The push is on its way while the waiter gives up.
        assertEquals(HELD, leaving.cancel(KEY, second));

        next.awaitPush(KEY, third);
        next.mustBeHeldBy(next, KEY);
        assertEquals(TAKEN, leaving.cancel(KEY, second));
        next.release(KEY, third);
    }

    @Test
    void aCancelAfterTheGrantFreesTheKeyIfNobodyElseWaits() {
        ContractClient holder = contract().open();
        ContractClient leaving = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        leaving.queue(KEY, second);
        holder.release(KEY, first);

        assertEquals(HELD, leaving.cancel(KEY, second));

        holder.mustBeFree(KEY);
        assertEquals(GONE, leaving.cancel(KEY, second));
    }

    @Test
    void aCancelOfAnOlderTokenLeavesTheNewerOneInTheQueue() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String older = newToken();
        String newer = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, older);
        waiter.queue(KEY, newer);

        assertEquals(TAKEN, waiter.cancel(KEY, older));

        assertEquals(1, holder.waiters(KEY));
        holder.release(KEY, first);
        waiter.awaitPush(KEY, newer);
        waiter.release(KEY, newer);
    }

    @Test
    void aCancelOfOneInstanceLeavesTheOthersInTheQueue() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);

        assertEquals(TAKEN, contract().open().cancel(KEY, newToken()));

        assertEquals(1, holder.waiters(KEY));
        holder.release(KEY, first);
        waiter.awaitPush(KEY, second);
        waiter.release(KEY, second);
    }

    @Test
    void aCancelRightBehindItsRequestLeavesNothing() {
        ContractClient holder = contract().open();
        ContractClient hasty = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);

        CompletionStage<AcquireReply> request = hasty.store.acquire(queueing(KEY, second));
        CompletionStage<Ownership> cancel = hasty.store.cancel(KEY, second);

        assertInstanceOf(AcquireReply.Refused.class, await(request));
        assertEquals(TAKEN, await(cancel));
        assertEquals(0, holder.waiters(KEY));
        holder.release(KEY, first);
    }

    @Test
    void aCancelRightBehindAGrantedRequestGivesItBack() {
        ContractClient hasty = contract().open();
        String token = newToken();

        CompletionStage<AcquireReply> request = hasty.store.acquire(queueing(KEY, token));
        CompletionStage<Ownership> cancel = hasty.store.cancel(KEY, token);

        assertInstanceOf(AcquireReply.Granted.class, await(request));
        assertEquals(HELD, await(cancel));
        hasty.mustBeFree(KEY);
    }

    @Test
    void aWaiterWithoutASignOfLifeIsSkipped() {
        ContractClient holder = contract().open();
        ContractClient dead = contract().open();
        ContractClient live = contract().open();
        String first = newToken();
        String third = newToken();
        holder.take(KEY, first);
        dead.mustNotGet(queueing(KEY, newToken(), CLAIM, SHORT));
        live.queue(KEY, third);
        contract().elapseMoreThanShort();

        holder.release(KEY, first);

        live.awaitPush(KEY, third);
        live.release(KEY, third);
        dead.mustHaveNoPush();
    }

    @Test
    void aSkippedWaiterThatLivesAfterAllQueuesAgain() {
        ContractClient holder = contract().open();
        ContractClient slow = contract().open();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        holder.take(KEY, first);
        slow.mustNotGet(queueing(KEY, second, CLAIM, SHORT));
        contract().elapseMoreThanShort();
        holder.release(KEY, first);
        holder.take(KEY, third);

        slow.queue(KEY, second);

        holder.release(KEY, third);
        slow.awaitPush(KEY, second);
        slow.release(KEY, second);
    }

    @Test
    void eachPollIsASignOfLife() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        Duration alive = Duration.ofMillis(900);
        Duration pollInterval = Duration.ofMillis(500);
        holder.take(KEY, first);
        waiter.mustNotGet(queueing(KEY, second, CLAIM, alive));
        contract().elapse(pollInterval);
        waiter.mustNotGet(queueing(KEY, second, CLAIM, alive));
        contract().elapse(pollInterval);

        holder.release(KEY, first);

        waiter.awaitPush(KEY, second);
        waiter.release(KEY, second);
    }

    @Test
    void aWaiterWithAShortSignOfLifeDoesNotShortenThatOfOthers() {
        ContractClient holder = contract().open();
        ContractClient patient = contract().open();
        ContractClient hasty = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        patient.queue(KEY, second);
        hasty.mustNotGet(queueing(KEY, newToken(), CLAIM, SHORT));
        contract().elapseMoreThanShort();

        holder.release(KEY, first);

        patient.awaitPush(KEY, second);
        patient.release(KEY, second);
        hasty.mustHaveNoPush();
    }

    @Test
    void aWaiterThatWasClosedIsSkippedAtOnce() {
        assumeTrue(contract().noticesClosedWaiters(), "this store does not see that an instance is gone");
        ContractClient holder = contract().open();
        ContractClient closed = contract().open();
        ContractClient live = contract().open();
        String first = newToken();
        String third = newToken();
        holder.take(KEY, first);
        closed.queue(KEY, newToken());
        live.queue(KEY, third);
        closed.close();
        // A server may hear of it a moment later.
        contract().elapseMoreThanShort();

        holder.release(KEY, first);

        live.awaitPush(KEY, third);
        live.mustBeHeldBy(live, KEY);
        live.release(KEY, third);
    }

    @Test
    void aWaiterThatWasClosedDelaysTheNextNoLongerThanItsClaimTime() {
        ContractClient holder = contract().open();
        ContractClient closed = contract().open();
        ContractClient live = contract().open();
        String first = newToken();
        String third = newToken();
        holder.take(KEY, first);
        closed.mustNotGet(queueing(KEY, newToken(), SHORT, Duration.ofMinutes(5)));
        live.queue(KEY, third);
        closed.close();
        holder.release(KEY, first);
        contract().elapseMoreThanShort();

        live.mustGet(queueing(KEY, third));

        live.release(KEY, third);
    }

    @Test
    void deadWaitersLeaveNothingThoughNobodyAsksForTheKeyAgain() {
        ContractClient holder = contract().open();
        ContractClient dead = contract().open();
        ContractClient briefly = contract().open();
        holder.mustGet(trying(KEY, newToken(), SHORT));
        dead.mustNotGet(queueing(KEY, newToken(), CLAIM, SHORT));
        briefly.mustNotGet(queueing(KEY, newToken(), CLAIM, Duration.ofMillis(10)));

        contract().elapseMoreThanShort();

        assertEquals(Set.of(), contract().leftovers());
    }

    @Test
    void tenDeadWaitersDelayTheLivingOneByNothing() {
        ContractClient holder = contract().open();
        ContractClient live = contract().open();
        String first = newToken();
        String last = newToken();
        holder.take(KEY, first);
        for (int i = 0; i < 10; i++) {
            contract().open().mustNotGet(queueing(KEY, newToken(), CLAIM, SHORT));
        }
        live.queue(KEY, last);
        contract().elapseMoreThanShort();

        holder.release(KEY, first);

        live.awaitPush(KEY, last);
        live.mustBeHeldBy(live, KEY);
        assertEquals(0, live.waiters(KEY));
        live.release(KEY, last);
    }
}
