package io.distributedmutex.testkit;

import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.await;
import static io.distributedmutex.testkit.internal.ContractClient.failure;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.internal.ContractClient;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class FaultyLockStoreTest {

    private final ManualTime time = ManualTime.create();
    private final InMemoryLockStore data = new InMemoryLockStore(time);
    private final FaultyLockStore store = new FaultyLockStore(data.sibling(), time);
    private final ContractClient client = new ContractClient(store, "one");
    private final ContractClient other = new ContractClient(data, "other");
    private final String token = newToken();

    @Test
    void withoutFaultsItIsTheStoreThatItWraps() {
        client.take(KEY, token);
        other.queue(KEY, newToken());
        assertThat(client.renew(KEY, token, Duration.ofMinutes(1))).isEqualTo(Ownership.HELD);
        assertThat(client.waiters(KEY)).isOne();
        assertThat(client.forceRelease(KEY)).isPresent();
        assertThat(client.send(other.instance, "text")).isTrue();
        assertThat(other.awaitMessage()).isEqualTo("text");
        assertThat(client.release(KEY, token)).isEqualTo(Ownership.TAKEN);
        assertThat(client.cancel(KEY, token)).isEqualTo(Ownership.TAKEN);

        for (Operation operation : Operation.values()) {
            assertThat(store.count(operation)).as(operation.name()).isOne();
        }
    }

    @Test
    void callsThatFailDoNotReachTheStore() {
        store.failNext(2, Operation.ACQUIRE);

        assertThat(failure(store.acquire(trying(KEY, token)))).isInstanceOf(StoreUnreachableException.class);
        assertThat(failure(store.acquire(trying(KEY, token)))).isInstanceOf(StoreUnreachableException.class);

        assertThat(data.contents().isEmpty()).isTrue();
        client.take(KEY, token);
        assertThat(store.counts()).isEqualTo(Map.of(Operation.ACQUIRE, 3));
    }

    @Test
    void rejectedCallsSayThatTheyWereSurelyNotSentAndFailedOnesDoNot() {
        store.rejectNext(1, Operation.ACQUIRE);
        store.failNext(1, Operation.ACQUIRE);

        assertThat(failure(store.acquire(trying(KEY, token))))
                .isInstanceOfSatisfying(
                        StoreUnreachableException.class,
                        rejected -> assertThat(rejected.isSurelyNotSent()).isTrue());
        assertThat(failure(store.acquire(trying(KEY, token))))
                .isInstanceOfSatisfying(
                        StoreUnreachableException.class,
                        failed -> assertThat(failed.isSurelyNotSent()).isFalse());

        assertThat(data.contents().isEmpty()).isTrue();
    }

    @Test
    void callsFailWithTheErrorThatTheTestChose() {
        StoreRefusedException busy = new StoreRefusedException(Reason.BUSY, "loading", null);
        store.failNext(1, Operation.RENEW, busy);

        assertThat(failure(store.renew(KEY, token, 1000))).isSameAs(busy);
    }

    @Test
    void aLostReplyTookEffect() {
        store.loseReplies(1, Operation.ACQUIRE);

        assertThat(failure(store.acquire(trying(KEY, token)))).isInstanceOf(StoreUnreachableException.class);

        assertThat(data.contents().heldKeys()).containsExactly(KEY);
        client.take(KEY, token);
        assertThat(client.release(KEY, token)).isEqualTo(Ownership.HELD);
        assertThat(data.contents().isEmpty()).isTrue();
    }

    @Test
    void aCallThatHangsFailsAfterItsTimeOutWithoutReachingTheStore() {
        store.hangNext(1, Operation.ACQUIRE, Duration.ofSeconds(2));
        CompletableFuture<AcquireReply> reply =
                store.acquire(trying(KEY, token)).toCompletableFuture();
        assertThat(store.waitingCalls()).isOne();

        time.advance(Duration.ofMillis(1999));
        assertThat(reply).isNotDone();
        time.advance(Duration.ofMillis(1));

        assertThat(failure(reply)).isInstanceOf(StoreUnreachableException.class).hasMessageContaining("PT2S");
        assertThat(data.contents().isEmpty()).isTrue();
        assertThat(store.waitingCalls()).isZero();
    }

    @Test
    void heldRequestsReachTheStoreWhenReleased() {
        store.holdRequests(2, Operation.ACQUIRE.or(Operation.RELEASE));
        CompletionStage<AcquireReply> acquired = store.acquire(trying(KEY, token));
        CompletionStage<Ownership> released = store.release(KEY, token, 0);
        assertThat(data.contents().isEmpty()).isTrue();

        assertThat(store.releaseHeld()).isEqualTo(2);

        assertThat(await(acquired)).isInstanceOf(Granted.class);
        assertThat(await(released)).isEqualTo(Ownership.HELD);
        assertThat(store.releaseHeld()).isZero();
    }

    @Test
    void heldRepliesAreOfCallsThatTookEffect() {
        store.holdReplies(1, Operation.ACQUIRE);
        CompletableFuture<AcquireReply> reply =
                store.acquire(trying(KEY, token)).toCompletableFuture();

        assertThat(reply).isNotDone();
        assertThat(data.contents().heldKeys()).containsExactly(KEY);

        store.releaseHeld();
        assertThat(reply).isCompletedWithValueMatching(Granted.class::isInstance);
    }

    @Test
    void aHeldReplyMayBeAnError() {
        store.holdReplies(1, Operation.INSPECT);
        data.putWrongType(KEY);
        CompletionStage<?> reply = store.inspect(KEY);

        store.releaseHeld();

        assertThat(failure(reply)).isInstanceOf(StoreRefusedException.class);
    }

    @Test
    void faultsHitOnlyTheCallsTheyAreMeantFor() {
        store.failNext(1, call -> call.key().equals("b"));
        store.failNext(1, Operation.RELEASE.and(call -> token.equals(call.token())));

        client.take("a", token);
        assertThat(failure(store.inspect("b"))).isInstanceOf(StoreUnreachableException.class);
        assertThat(client.release("a", newToken())).isEqualTo(Ownership.TAKEN);
        assertThat(failure(store.release("a", token, 0))).isInstanceOf(StoreUnreachableException.class);
        assertThat(client.release("a", token)).isEqualTo(Ownership.HELD);
    }

    @Test
    void theFirstFaultThatFitsIsTheOneThatHits() {
        store.loseReplies(1, Operation.ACQUIRE);
        store.failNext(1, call -> true);

        failure(store.acquire(trying(KEY, token)));
        assertThat(data.contents().heldKeys()).containsExactly(KEY);
        failure(store.release(KEY, token, 0));
        assertThat(data.contents().heldKeys()).containsExactly(KEY);
    }

    @Test
    void aFaultHitsOneCallAtLeast() {
        assertThatThrownBy(() -> store.failNext(0, Operation.ACQUIRE)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void pushesAreDroppedHeldOrRepeated() {
        store.dropPushes();
        grantByPush();
        client.mustHaveNoPush();

        store.holdPushes();
        String late = grantByPush();
        client.mustHaveNoPush();
        store.deliverPushes();
        client.awaitPush(KEY, late);

        store.repeatPushes();
        String twice = grantByPush();
        client.awaitPush(KEY, twice);
        client.awaitPush(KEY, twice);

        store.deliverPushes();
        String once = grantByPush();
        client.awaitPush(KEY, once);
        client.mustHaveNoPush();
    }

    @Test
    void messagesArePushesToo() {
        store.dropPushes();
        assertThat(other.send(client.instance, "dropped")).isTrue();
        client.mustHaveNoMessage();
        store.repeatPushes();
        assertThat(other.send(client.instance, "twice")).isTrue();
        assertThat(client.awaitMessage()).isEqualTo("twice");
        assertThat(client.awaitMessage()).isEqualTo("twice");
    }

    @Test
    void aReconnectionIsAnnounced() {
        AtomicInteger told = new AtomicInteger();
        FaultyLockStore announced = new FaultyLockStore(data.sibling(), time);
        announced.announceReconnection();
        announced.start("x", "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {}

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {
                told.incrementAndGet();
            }
        });

        announced.announceReconnection();

        assertThat(told).hasValue(1);
    }

    @Test
    void healingForgetsFaultsAndLetsGo() {
        store.failNext(Integer.MAX_VALUE, Operation.RENEW);
        store.holdRequests(1, Operation.ACQUIRE);
        store.holdPushes();
        CompletionStage<AcquireReply> held = store.acquire(trying(KEY, token));

        store.heal();

        assertThat(await(held)).isInstanceOf(Granted.class);
        assertThat(client.renew(KEY, token, Duration.ofMinutes(1))).isEqualTo(Ownership.HELD);
        client.release(KEY, token);
        client.awaitPush(KEY, grantByPush());
    }

    @Test
    void closingFailsWhatWaitsAndLeavesNoTimer() {
        store.hangNext(1, Operation.ACQUIRE, Duration.ofSeconds(2));
        store.holdRequests(1, Operation.RENEW);
        store.holdReplies(1, Operation.INSPECT);
        List<CompletionStage<?>> waiting = new ArrayList<>();
        waiting.add(store.acquire(trying(KEY, token)));
        waiting.add(store.renew(KEY, token, 1000));
        waiting.add(store.inspect(KEY));
        assertThat(store.waitingCalls()).isEqualTo(3);

        store.close();

        for (CompletionStage<?> reply : waiting) {
            assertThat(failure(reply))
                    .isInstanceOf(StoreUnreachableException.class)
                    .hasMessageContaining("closed");
        }
        assertThat(time.pendingTimers()).isZero();
        assertThat(failure(store.inspect(KEY))).isInstanceOf(StoreUnreachableException.class);
    }

    @Test
    void countsBeginAnew() {
        client.inspect(KEY);
        store.resetCounts();

        assertThat(store.count(Operation.INSPECT)).isZero();
    }

    /** The other instance holds the key, and releases it to this one. Returns the token granted. */
    private String grantByPush() {
        String theirs = newToken();
        String ours = newToken();
        other.take(KEY, theirs);
        client.queue(KEY, ours);
        other.release(KEY, theirs);
        assertThat(client.release(KEY, ours)).isEqualTo(Ownership.HELD);
        return ours;
    }
}
