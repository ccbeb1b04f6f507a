package io.distributedmutex.testkit.memory;

import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.await;
import static io.distributedmutex.testkit.internal.ContractClient.failure;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static io.distributedmutex.testkit.internal.ContractClient.trying;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.contract.LockStoreContract;
import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The in-memory store keeps the contract, on a manual clock. */
class InMemoryLockStoreTest extends LockStoreContract {

    private final ManualTime time = ManualTime.create();
    private final InMemoryLockStore data = new InMemoryLockStore(time);

    @Override
    protected LockStore newStore() {
        return data.sibling();
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
        Set<String> leftovers = new TreeSet<>();
        data.contents().heldKeys().forEach(key -> leftovers.add("held: " + key));
        data.contents().waiters().forEach((key, waiters) -> leftovers.add(waiters + " wait for: " + key));
        return leftovers;
    }

    // ---- what is particular to this store

    private final List<ContractClient> clients = new ArrayList<>();

    @AfterEach
    void closeClients() {
        clients.forEach(ContractClient::close);
    }

    private ContractClient open() {
        ContractClient client = new ContractClient(newStore(), "client-" + (clients.size() + 1));
        clients.add(client);
        return client;
    }

    @Test
    void fencesRiseThoughTheServersClockStepsBack() {
        ContractClient client = open();
        long before = client.take(KEY, newToken()).fencingToken();
        client.forceRelease(KEY);

        data.stepClock(Duration.ofHours(-1));

        String token = newToken();
        assertThat(client.take(KEY, token).fencingToken()).isGreaterThan(before);
        client.release(KEY, token);
    }

    @Test
    void leasesEndWhenTheServersClockStepsForward() {
        ContractClient client = open();
        client.take(KEY, newToken());

        data.stepClock(Duration.ofHours(1));

        client.mustBeFree(KEY);
    }

    @Test
    void aLeaseEndsToTheMillisecond() {
        ContractClient client = open();
        time.advance(Duration.ofNanos(900_000));
        client.mustGet(trying(KEY, newToken(), Duration.ofMillis(100)));

        // As on Redis: counted from the beginning of the millisecond, and alive until its last one is over.
        time.advance(Duration.ofNanos(100_099_999));
        assertThat(client.mustBeHeld(KEY).remaining()).contains(Duration.ZERO);
        time.advance(Duration.ofNanos(1));
        client.mustBeFree(KEY);
    }

    @Test
    void fencesAreTheServersTimeInMicroseconds() {
        ContractClient client = open();
        long first = client.take("a", newToken()).fencingToken();
        time.advance(Duration.ofSeconds(1));
        long second = client.take("b", newToken()).fencingToken();
        client.forceRelease("a");
        client.forceRelease("b");

        assertThat(Instant.EPOCH.plus(first, ChronoUnit.MICROS)).isEqualTo("2025-01-01T00:00:00Z");
        assertThat(second - first).isEqualTo(1_000_000);
    }

    @Test
    void theSystemsClockIsTheDefault() {
        Instant before = Instant.now().truncatedTo(ChronoUnit.MILLIS);
        ContractClient client = new ContractClient(new InMemoryLockStore(), "real");

        long fence = client.take(KEY, newToken()).fencingToken();

        assertThat(Instant.EPOCH.plus(fence, ChronoUnit.MICROS))
                .isBetween(before, Instant.now().plusSeconds(1));
    }

    @Test
    void aStoreObjectServesOneInstanceAndSaysHowAnotherIsServed() {
        InMemoryLockStore store = data.sibling();
        store.start("one", "instance-id", recordingIn(new ArrayList<>()));
        assertThatThrownBy(() -> store.start("other", "instance-id", recordingIn(new ArrayList<>())))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "started already: a store object serves one instance; give the other instance a store object"
                                + " of its own on the same data, made by sibling()");
        store.close();
    }

    @Test
    void anInstanceWithoutPushConnectionIsDroppedFromTheQueueAndToldWhenItIsBack() {
        List<String> told = new ArrayList<>();
        InMemoryLockStore store = data.sibling();
        store.start("recorder", "instance-id", recordingIn(told));
        ContractClient holder = open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        await(store.acquire(queueing(KEY, second)));

        store.disconnectPushes();
        holder.release(KEY, first);
        holder.mustBeFree(KEY);
        assertThat(told).isEmpty();

        store.reconnectPushes();
        assertThat(told).containsExactly("reconnected");
        holder.take(KEY, first);
        await(store.acquire(queueing(KEY, second)));
        holder.release(KEY, first);
        assertThat(told).containsExactly("reconnected", "granted " + second);
        await(store.release(KEY, second, 0));
    }

    @Test
    void aListenerMayCallTheStoreAndHearsOfOneGrantAfterAnother() {
        List<String> told = new ArrayList<>();
        InMemoryLockStore store = data.sibling();
        String first = newToken();
        String second = newToken();
        String third = newToken();
        store.start("eager", "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                told.add("begin " + token);
                if (token.equals(second)) {
                    // Queues again and gives back at once: the next grant comes out of this very call.
                    await(store.acquire(queueing(KEY, third)));
                    await(store.release(KEY, second, 0));
                }
                told.add("end " + token);
            }

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {}
        });
        ContractClient holder = open();
        holder.take(KEY, first);
        await(store.acquire(queueing(KEY, second)));

        holder.release(KEY, first);

        assertThat(told).containsExactly("begin " + second, "end " + second, "begin " + third, "end " + third);
        await(store.release(KEY, third, 0));
    }

    @Test
    void aListenerThatThrowsHarmsNobody() {
        InMemoryLockStore store = data.sibling();
        store.start("thrower", "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                throw new IllegalStateException("expected by the test");
            }

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {
                throw new IllegalStateException("expected by the test");
            }
        });
        store.reconnectPushes();
        ContractClient holder = open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        await(store.acquire(queueing(KEY, second)));

        assertThat(holder.release(KEY, first)).isEqualTo(Ownership.HELD);

        assertThat(await(store.release(KEY, second, 0))).isEqualTo(Ownership.HELD);
    }

    @Test
    void aStoreIsStartedOnceAndBeforeItIsUsed() {
        InMemoryLockStore store = data.sibling();
        assertThatThrownBy(() -> store.inspect(KEY)).isInstanceOf(IllegalStateException.class);

        store.start("once", "instance-id", recordingIn(new ArrayList<>()));

        assertThatThrownBy(() -> store.start("twice", "instance-id", recordingIn(new ArrayList<>())))
                .isInstanceOf(IllegalStateException.class);
        store.close();
        assertThat(failure(store.inspect(KEY)))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void keysThatNobodyAsksForAgainDoNotPileUp() {
        InMemoryData bare = new InMemoryData((client, grant) -> true);
        for (int i = 0; i < 50_000; i++) {
            bare.at(i * 1_000L).acquire("client", "label", trying("key-" + i, newToken(), Duration.ofMillis(1)));
        }

        assertThat(bare.storedKeys()).isLessThan(5_000);
        assertThat(bare.heldKeys()).hasSize(2);
    }

    @Test
    void theContentsAreTheHeldKeysAndTheWaiters() {
        ContractClient holder = open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        open().queue(KEY, second);
        open().queue(KEY, newToken());
        data.putForeign("foreign", null);

        InMemoryLockStore.Contents contents = data.contents();

        assertThat(contents.isEmpty()).isFalse();
        assertThat(contents.heldKeys()).containsExactly("foreign", KEY);
        assertThat(contents.waiters()).isEqualTo(Map.of(KEY, 2));

        data.delete(KEY);
        data.delete("foreign");
        assertThat(data.contents().heldKeys()).isEmpty();
        assertThat(data.contents().isEmpty()).as("somebody waits still").isFalse();

        data.loseData();
        assertThat(data.contents().isEmpty()).isTrue();
    }

    @Test
    void aDeletionSaysWhetherTheKeyWasThere() {
        assertThat(data.delete(KEY)).isFalse();
        open().take(KEY, newToken());
        assertThat(data.delete(KEY)).isTrue();
    }

    @Test
    void aWaiterLivesThroughTheLastMillisecondOfItsSignOfLife() {
        ContractClient holder = open();
        ContractClient waiter = open();
        Duration alive = Duration.ofMillis(100);
        holder.take(KEY, newToken());
        waiter.mustNotGet(queueing(KEY, newToken(), alive, alive));
        time.advance(alive);
        holder.forceRelease(KEY);
        holder.mustBeHeldBy(waiter, KEY);
        holder.forceRelease(KEY);

        holder.take(KEY, newToken());
        waiter.mustNotGet(queueing(KEY, newToken(), alive, alive));
        time.advance(alive.plusMillis(1));
        holder.forceRelease(KEY);
        holder.mustBeFree(KEY);
    }

    @Test
    void aClosedInstanceHearsNothingMore() {
        List<String> told = new ArrayList<>();
        ContractClient holder = open();
        String first = newToken();
        String second = newToken();
        holder.take("a", first);
        holder.take("b", first);
        InMemoryLockStore store = data.sibling();
        store.start("closer", "instance-id", new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                told.add(key);
                // The next grant is on its way already.
                holder.release("b", first);
                store.close();
            }

            @Override
            public void message(String text) {}

            @Override
            public void reconnected() {
                told.add("reconnected");
            }
        });
        await(store.acquire(queueing("a", second)));
        await(store.acquire(queueing("b", second)));

        holder.release("a", first);
        store.reconnectPushes();

        assertThat(told).containsExactly("a");
        holder.release("a", second);
        holder.release("b", second);
    }

    @Test
    void aStoreMayBeClosedBeforeItIsStarted() {
        InMemoryLockStore store = data.sibling();
        store.close();

        store.start("late", "instance-id", recordingIn(new ArrayList<>()));

        assertThat(failure(store.inspect(KEY))).isInstanceOf(StoreUnreachableException.class);
    }

    private static StoreEvents recordingIn(List<String> told) {
        return new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                told.add("granted " + token);
            }

            @Override
            public void message(String text) {
                told.add("message " + text);
            }

            @Override
            public void reconnected() {
                told.add("reconnected");
            }
        };
    }
}
