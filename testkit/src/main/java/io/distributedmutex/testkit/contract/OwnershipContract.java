package io.distributedmutex.testkit.contract;

import static io.distributedmutex.spi.Ownership.GONE;
import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.spi.Ownership.TAKEN;
import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.LEASE;
import static io.distributedmutex.testkit.internal.ContractClient.SHORT;
import static io.distributedmutex.testkit.internal.ContractClient.await;
import static io.distributedmutex.testkit.internal.ContractClient.failure;
import static io.distributedmutex.testkit.internal.ContractClient.inOwnThread;
import static io.distributedmutex.testkit.internal.ContractClient.mustBeAbout;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Test;

/** One instance at a time, leases that end, and tokens that alone prove ownership. */
abstract class OwnershipContract extends RenewalContract {

    @Test
    void aFreeKeyIsGranted() {
        ContractClient client = contract().open();
        String token = newToken();

        AcquireReply.Granted granted = client.take(KEY, token);

        assertTrue(granted.fencingTokens() >= 1, granted::toString);
        assertNull(granted.released());
        LockInfo info = client.mustBeHeld(KEY);
        assertEquals(KEY, info.key());
        assertEquals(Optional.of(client.label), info.holder());
        ContractClient.mustNotTellAnother(granted.fencingToken(), info);
        assertEquals(0, info.waiters());
        client.mustRemain(KEY, LEASE);
        client.release(KEY, token);
    }

    @Test
    void aHeldKeyIsRefusedWithItsHolderAndRemainingTime() {
        ContractClient holder = contract().open();
        ContractClient other = contract().open();
        String token = newToken();
        holder.take(KEY, token);

        AcquireReply.Refused refused = other.mustNotGet(trying(KEY, newToken()));

        assertEquals(holder.label, refused.holder());
        mustBeAbout(LEASE, Duration.ofMillis(refused.remainingMillis()));
        assertNull(refused.released());
        holder.release(KEY, token);
    }

    @Test
    void aHeldKeyIsRefusedToAnotherTokenOfTheSameInstance() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);

        assertEquals(client.label, client.mustNotGet(trying(KEY, newToken())).holder());
        client.release(KEY, token);
    }

    @Test
    void aHeldKeyIsRefusedToAnotherInstanceOfTheSameLabel() {
        ContractClient holder = contract().open("same");
        ContractClient other = contract().open("same");
        String token = newToken();
        holder.take(KEY, token);

        // The store tells them apart: the push goes to the one who waits.
        String second = newToken();
        other.queue(KEY, second);
        holder.release(KEY, token);
        other.awaitPush(KEY, second);
        holder.mustHaveNoPush();
        other.release(KEY, second);
    }

    @Test
    void anInstanceThatOnlyTriesIsNotQueued() {
        ContractClient holder = contract().open();
        ContractClient other = contract().open();
        String token = newToken();
        holder.take(KEY, token);

        other.mustNotGet(trying(KEY, newToken()));

        assertEquals(0, holder.waiters(KEY));
        holder.release(KEY, token);
        holder.mustBeFree(KEY);
        other.mustHaveNoPush();
    }

    @Test
    void aReleasedKeyIsFreeForTheNext() {
        ContractClient first = contract().open();
        ContractClient second = contract().open();
        String one = newToken();
        String two = newToken();
        first.take(KEY, one);

        assertEquals(HELD, first.release(KEY, one));
        first.mustBeFree(KEY);

        second.take(KEY, two);
        assertEquals(HELD, second.release(KEY, two));
    }

    @Test
    void otherKeysAreNotTouched() {
        ContractClient first = contract().open();
        ContractClient second = contract().open();
        String one = newToken();
        String two = newToken();
        first.take("one", one);
        second.take("two", two);

        first.release("one", one);

        second.mustBeHeldBy(second, "two");
        second.release("two", two);
    }

    @Test
    void aRepeatedRequestIsGrantedTheSameLeaseAgain() {
        ContractClient client = contract().open();
        String token = newToken();
        AcquireReply.Granted first = client.take(KEY, token);

        AcquireReply.Granted again = client.take(KEY, token);

        // A store need not keep it. Then it gives a greater one, which counts: whoever asks again was not told the
        // first.
        assertTrue(again.fencingToken() >= first.fencingToken(), again::toString);
        assertEquals(1, again.fencingTokens(), "what may have been passed on already is not given twice");
        // It is held once: one release frees it.
        assertEquals(HELD, client.release(KEY, token));
        client.mustBeFree(KEY);
    }

    @Test
    void aRepeatedRequestNeverShortensTheLease() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);

        client.mustGet(trying(KEY, token, Duration.ofMillis(1)));
        client.mustRemain(KEY, LEASE);

        client.mustGet(trying(KEY, token, LEASE.multipliedBy(2)));
        client.mustRemain(KEY, LEASE.multipliedBy(2));
        client.release(KEY, token);
    }

    @Test
    void aLeaseEnds() {
        ContractClient first = contract().open();
        ContractClient second = contract().open();
        String token = newToken();
        first.mustGet(trying(KEY, newToken(), SHORT));

        contract().elapseMoreThanShort();

        second.mustBeFree(KEY);
        second.take(KEY, token);
        second.release(KEY, token);
    }

    @Test
    void aLeaseDoesNotEndEarly() {
        ContractClient first = contract().open();
        ContractClient second = contract().open();
        Duration lease = Duration.ofSeconds(1);
        first.mustGet(trying(KEY, newToken(), lease));

        contract().elapse(Duration.ofMillis(500));

        AcquireReply.Refused refused = second.mustNotGet(trying(KEY, newToken()));
        assertTrue(refused.remainingMillis() <= 500, refused::toString);
        contract().elapse(Duration.ofMillis(refused.remainingMillis() + 5));
        second.mustBeFree(KEY);
    }

    @Test
    void aReplyThatCameAfterTheLeaseIsFollowedByANewLease() {
        ContractClient client = contract().open();
        String token = newToken();
        long first = client.mustGet(trying(KEY, token, SHORT)).fencingToken();
        contract().elapseMoreThanShort();

        // The caller missed the first reply, and asks again with the same token.
        AcquireReply.Granted second = client.take(KEY, token);

        assertTrue(second.fencingToken() > first, second::toString);
        assertEquals(HELD, client.release(KEY, token));
    }

    @Test
    void aForeignTokenReleasesNothing() {
        ContractClient holder = contract().open();
        ContractClient stranger = contract().open();
        String token = newToken();
        holder.take(KEY, token);
        LockInfo before = holder.mustBeHeld(KEY);

        assertEquals(TAKEN, stranger.release(KEY, newToken()));
        assertEquals(TAKEN, holder.release(KEY, newToken()), "nor does another token of the same instance");
        assertEquals(TAKEN, stranger.keep(KEY, newToken(), SHORT));
        assertEquals(TAKEN, stranger.cancel(KEY, newToken()));

        assertEquals(before.fencingToken(), holder.mustBeHeld(KEY).fencingToken());
        holder.mustBeHeldBy(holder, KEY);
        holder.mustRemain(KEY, LEASE);
        assertEquals(HELD, holder.release(KEY, token));
    }

    @Test
    void aTokenThatDiffersInOneCharacterProvesNothing() {
        ContractClient client = contract().open();
        String end = newToken().substring(2);
        client.take(KEY, "a" + end + "b");

        assertEquals(TAKEN, client.release(KEY, "c" + end + "b"));
        assertEquals(TAKEN, client.release(KEY, "a" + end + "c"));
        assertEquals(TAKEN, client.release(KEY, "A" + end + "b"), "nor is upper case the same");
        assertEquals(TAKEN, client.release(KEY, "a" + end + "B"));

        assertEquals(HELD, client.release(KEY, "a" + end + "b"));
    }

    @Test
    void theTokenAloneProvesOwnership() {
        ContractClient holder = contract().open();
        ContractClient other = contract().open();
        String token = newToken();
        holder.take(KEY, token);

        assertEquals(HELD, other.renew(KEY, token, LEASE));
        assertEquals(HELD, other.release(KEY, token));
        holder.mustBeFree(KEY);
    }

    @Test
    void aRepeatedReleaseSaysThatItIsGone() {
        ContractClient client = contract().open();
        String token = newToken();
        client.take(KEY, token);

        assertEquals(HELD, client.release(KEY, token));
        assertEquals(GONE, client.release(KEY, token));
    }

    @Test
    void aReleaseAfterTheLeaseEndedSaysThatItIsGone() {
        ContractClient client = contract().open();
        String token = newToken();
        client.mustGet(trying(KEY, token, SHORT));

        contract().elapseMoreThanShort();

        assertEquals(GONE, client.release(KEY, token));
    }

    @Test
    void aLateReleaseDoesNotFreeTheSuccessor() {
        ContractClient late = contract().open();
        ContractClient successor = contract().open();
        String old = newToken();
        String current = newToken();
        late.mustGet(trying(KEY, old, SHORT));
        contract().elapseMoreThanShort();
        successor.take(KEY, current);

        assertEquals(TAKEN, late.release(KEY, old));
        assertEquals(TAKEN, late.cancel(KEY, old));

        late.mustBeHeldBy(successor, KEY);
        assertEquals(HELD, successor.release(KEY, current));
    }

    @Test
    void aLateReleaseDoesNotFreeTheSuccessorOfTheSameInstance() {
        ContractClient client = contract().open();
        String old = newToken();
        String current = newToken();
        client.mustGet(trying(KEY, old, SHORT));
        contract().elapseMoreThanShort();
        client.take(KEY, current);

        assertEquals(TAKEN, client.release(KEY, old));

        assertEquals(HELD, client.release(KEY, current));
    }

    @Test
    void aKeyIsKeptTakenAfterItsRelease() {
        ContractClient first = contract().open();
        ContractClient second = contract().open();
        String one = newToken();
        String two = newToken();
        long fence = first.take(KEY, one).fencingToken();

        assertEquals(HELD, first.keep(KEY, one, SHORT));

        // Nobody owns it, not even who kept it; but it is known who that was.
        AcquireReply.Refused refused = second.mustNotGet(trying(KEY, two));
        assertEquals(first.label, refused.holder());
        assertTrue(refused.remainingMillis() <= SHORT.toMillis(), refused::toString);
        assertEquals(TAKEN, first.release(KEY, one));
        assertEquals(TAKEN, first.renew(KEY, one, LEASE));
        first.mustNotGet(trying(KEY, one));

        contract().elapseMoreThanShort();
        assertTrue(second.take(KEY, two).fencingToken() > fence);
        second.release(KEY, two);
    }

    @Test
    void exactlyOneOfAHundredWhoTryAtOnceWins() throws Exception {
        int instances = 10;
        CyclicBarrier start = new CyclicBarrier(instances);
        List<CompletableFuture<List<CompletionStage<AcquireReply>>>> all = new ArrayList<>();
        List<ContractClient> clients = new ArrayList<>();
        List<String> tokens = new ArrayList<>();
        for (int i = 0; i < instances; i++) {
            ContractClient client = contract().open();
            clients.add(client);
            List<String> mine = List.of(
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken(),
                    newToken());
            tokens.addAll(mine);
            all.add(inOwnThread(() -> {
                start.await();
                List<CompletionStage<AcquireReply>> replies = new ArrayList<>();
                for (String token : mine) {
                    replies.add(client.store.acquire(trying(KEY, token)));
                }
                return replies;
            }));
        }
        List<Boolean> won = new ArrayList<>();
        for (CompletableFuture<List<CompletionStage<AcquireReply>>> replies : all) {
            for (CompletionStage<AcquireReply> reply : await(replies)) {
                won.add(await(reply) instanceof AcquireReply.Granted);
            }
        }

        assertEquals(100, won.size());
        assertEquals(1, won.stream().filter(granted -> granted).count());
        assertEquals(HELD, clients.get(0).release(KEY, tokens.get(won.indexOf(true))));
    }

    @Test
    void requestsOfOneInstanceTakeEffectInTheirOrder() {
        ContractClient client = contract().open();
        String previous = newToken();
        client.take(KEY, previous);

        List<CompletionStage<Ownership>> releases = new ArrayList<>();
        List<CompletionStage<AcquireReply>> acquires = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            // Nobody waits for a reply in between.
            releases.add(client.store.release(KEY, previous, 0));
            previous = newToken();
            acquires.add(client.store.acquire(trying(KEY, previous)));
        }

        releases.forEach(release -> assertEquals(HELD, await(release)));
        acquires.forEach(acquire -> assertInstanceOf(AcquireReply.Granted.class, await(acquire)));
        assertEquals(HELD, client.release(KEY, previous));
    }

    @Test
    void aLabelIsGivenBackAsItWas() {
        String label = "pod-7|10.0.0.1 \"quoted\" |42| \u00e4\uD83D\uDD12\n" + "x".repeat(90);
        ContractClient holder = contract().open(label);
        ContractClient other = contract().open();
        String token = newToken();
        holder.take(KEY, token);

        assertEquals(label, other.mustNotGet(trying(KEY, newToken())).holder());
        assertEquals(Optional.of(label), other.mustBeHeld(KEY).holder());
        holder.release(KEY, token);
    }

    @Test
    void aClosedStoreFailsEveryCallWithAStoreException() {
        ContractClient client = contract().open();
        client.take(KEY, newToken());
        client.release(KEY, newToken());
        ContractClient other = contract().open();
        client.close();
        client.close();

        AcquireRequest request = trying(KEY, newToken());
        assertInstanceOf(StoreException.class, failure(client.store.acquire(request)));
        assertInstanceOf(StoreException.class, failure(client.store.release(KEY, newToken(), 0)));
        assertInstanceOf(StoreException.class, failure(client.store.cancel(KEY, newToken())));
        assertInstanceOf(StoreException.class, failure(client.store.renew(KEY, newToken(), 1000)));
        assertInstanceOf(StoreException.class, failure(client.store.inspect(KEY)));
        assertInstanceOf(StoreException.class, failure(client.store.forceRelease(KEY)));

        // What it held is held on, and the others are not disturbed.
        other.mustBeHeldBy(client, KEY);
        other.forceRelease(KEY);
    }
}
