package io.distributedmutex.testkit.contract;

import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.SHORT;
import static io.distributedmutex.testkit.internal.ContractClient.await;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static io.distributedmutex.testkit.internal.ContractClient.yielding;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.testkit.internal.ContractClient;
import io.distributedmutex.testkit.internal.ContractClient.Push;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/** Numbers that rise with every lease on a key, whatever ended the one before. */
abstract class FenceContract extends AdministrationContract {

    @Test
    void fencesRiseOverReleases() {
        ContractClient one = contract().open();
        ContractClient two = contract().open();
        long last = 0;
        for (int i = 0; i < 50; i++) {
            last = takeAndRelease(i % 3 == 0 ? one : two, KEY, last);
        }
        // A JSON number carries it, which is exact up to 2 to the 53rd.
        assertTrue(last > 0 && last < 1L << 53, "" + last);
    }

    @Test
    void fencesRiseOverTheEndOfALease() {
        ContractClient client = contract().open();
        AcquireReply.Granted granted = client.mustGet(trying(KEY, newToken(), SHORT));
        contract().elapseMoreThanShort();

        takeAndRelease(client, KEY, lastOf(granted));
    }

    @Test
    void fencesRiseOverHandOffs() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        AcquireReply.Granted granted = holder.take(KEY, first);
        waiter.queue(KEY, second);
        holder.release(KEY, first);

        Push push = waiter.awaitPush(KEY, second);
        assertTrue(push.fencingToken() > lastOf(granted), push::toString);

        // The whole block is its own, since it may have been passed on locally that often.
        waiter.release(KEY, second);
        takeAndRelease(holder, KEY, push.fencingToken() + push.fencingTokens() - 1);
    }

    @Test
    void fencesRiseOverYields() {
        ContractClient client = contract().open();
        String token = newToken();
        long last = lastOf(client.take(KEY, token));
        List<CompletionStage<AcquireReply>> replies = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            // So quickly behind each other that time alone would not give a whole block to each.
            String next = newToken();
            replies.add(client.store.acquire(yielding(KEY, next, token)));
            token = next;
        }
        for (CompletionStage<AcquireReply> reply : replies) {
            AcquireReply.Granted granted = assertInstanceOf(AcquireReply.Granted.class, await(reply));
            assertTrue(granted.fencingToken() > last, granted::toString);
            last = lastOf(granted);
        }
        client.release(KEY, token);
        takeAndRelease(client, KEY, last);
    }

    @Test
    void fencesRiseOverMinimumHolds() {
        ContractClient client = contract().open();
        String token = newToken();
        long last = lastOf(client.take(KEY, token));
        client.keep(KEY, token, SHORT);
        contract().elapseMoreThanShort();

        takeAndRelease(client, KEY, last);
    }

    @Test
    void fencesRiseOverForcedReleases() {
        ContractClient client = contract().open();
        long last = lastOf(client.take(KEY, newToken()));
        client.forceRelease(KEY);

        takeAndRelease(client, KEY, last);
    }

    @Test
    void fencesRiseOverADeletionOfTheKey() {
        ContractClient client = contract().open();
        long last = lastOf(client.take(KEY, newToken()));
        contract().deleteKey(KEY);

        takeAndRelease(client, KEY, last);
    }

    @Test
    void fencesRiseOverAForeignValue() {
        ContractClient client = contract().open();
        long last = lastOf(client.take(KEY, newToken()));
        contract().putForeignValue(KEY, SHORT);
        contract().elapseMoreThanShort();

        takeAndRelease(client, KEY, last);
    }

    @Test
    void fencesRiseOverTheLossOfAllData() {
        ContractClient client = contract().open();
        ContractClient waiter = contract().open();
        String token = newToken();
        String second = newToken();
        client.take(KEY, token);
        waiter.queue(KEY, second);
        client.release(KEY, token);
        Push push = waiter.awaitPush(KEY, second);

        contract().loseAllData();
        // A server that lost its data was away for a moment; its clock was not.
        contract().elapse(Duration.ofMillis(5));

        takeAndRelease(client, KEY, push.fencingToken() + push.fencingTokens() - 1);
    }

    @Test
    void aRefusalTakesNoFenceAway() {
        ContractClient client = contract().open();
        ContractClient other = contract().open();
        String token = newToken();
        long fence = client.take(KEY, token).fencingToken();

        for (int i = 0; i < 10; i++) {
            other.mustNotGet(trying(KEY, newToken()));
        }

        // Nothing of what others do changes the holder's number.
        ContractClient.mustNotTellAnother(fence, client.mustBeHeld(KEY));
        long again = client.take(KEY, token).fencingToken();
        assertTrue(again >= fence, again + " is smaller than " + fence);
        client.release(KEY, token);
    }

    @Test
    void fencesLeaveNothingBehindForEachKey() {
        ContractClient client = contract().open();
        for (int i = 0; i < 100; i++) {
            takeAndRelease(client, "key-" + i, 0);
        }

        assertEquals(Set.of(), contract().leftovers());
    }

    /** A lease whose fencing token must be greater than any that was given before. */
    private static long takeAndRelease(ContractClient client, String key, long last) {
        String token = newToken();
        AcquireReply.Granted granted = client.mustGet(queueing(key, token));
        assertTrue(granted.fencingToken() > last, () -> granted + " is not greater than " + last);
        client.release(key, token);
        return lastOf(granted);
    }

    private static long lastOf(AcquireReply.Granted granted) {
        return granted.fencingToken() + granted.fencingTokens() - 1;
    }
}
