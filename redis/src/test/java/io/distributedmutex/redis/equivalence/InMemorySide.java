package io.distributedmutex.redis.equivalence;

import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryCommands;
import io.distributedmutex.testkit.memory.InMemoryContents;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;

/** The store in memory, new for each sequence, on a manual clock. */
final class InMemorySide implements Side {

    private final ManualTime time = ManualTime.create();
    private final InMemoryLockStore first = new InMemoryLockStore(time);
    private final List<InMemoryLockStore> stores = new ArrayList<>();
    private final List<Client> clients = new ArrayList<>();
    private final Set<Integer> unsubscribed = new HashSet<>();
    private final Set<Integer> closed = new HashSet<>();

    InMemorySide() {
        for (int number = 0; number < SequencePlan.CLIENTS; number++) {
            // Started in this order, they are client-1, client-2 and so on.
            InMemoryLockStore store = first.sibling();
            stores.add(store);
            clients.add(new Client(store, number));
        }
    }

    @Override
    public Client client(int number) {
        return clients.get(number);
    }

    @Override
    public void pass(long millis) {
        time.advance(Duration.ofMillis(millis));
    }

    @Override
    public void delete(String key) {
        first.delete(key);
    }

    @Override
    public void flushAll() {
        first.loseData();
        // Enough for the fencing tokens that were given ahead of the clock. There is no data left that it could end.
        time.advance(Duration.ofHours(1));
    }

    @Override
    public void setClockBack(long millis) {
        // What has ended has ended.
        first.contents();
        // Fencing tokens have come as far as the clock: on the other side, too.
        CompletionStage<Long> unusedNumber = InMemoryCommands.of(stores.get(0)).draw();
        first.stepClock(Duration.ofMillis(-millis));
    }

    @Override
    public void flushScripts() {
        // There are none.
    }

    @Override
    public void putForeign(String key, String value, long millis) {
        first.putForeign(key, millis < 0 ? null : Duration.ofMillis(millis));
    }

    @Override
    public void putWrongType(String key, boolean list) {
        first.putWrongType(key);
    }

    @Override
    public void unsubscribe(int client) {
        if (!closed.contains(client) && unsubscribed.add(client)) {
            stores.get(client).disconnectPushes();
        }
    }

    @Override
    public void subscribe(int client) {
        if (!closed.contains(client) && unsubscribed.remove(client)) {
            stores.get(client).reconnectPushes();
        }
    }

    @Override
    public void close(int client) {
        closed.add(client);
        stores.get(client).close();
    }

    @Override
    public void awaitPushes(int client) {
        // They were delivered before the reply.
    }

    @Override
    public Contents contents() {
        InMemoryContents all = InMemoryContents.of(first);
        Map<String, Contents.Held> held = new HashMap<>();
        all.values()
                .forEach((key, value) -> held.put(
                        key,
                        new Contents.Held(
                                value.isLease()
                                        ? Contents.Kind.LEASE
                                        : value.isString() ? Contents.Kind.FOREIGN : Contents.Kind.NOT_A_STRING,
                                value.token(),
                                value.label() == null ? "" : value.label(),
                                value.fencingToken(),
                                value.remainingMillis())));
        Map<String, Contents.Queue> queues = new HashMap<>();
        all.queues()
                .forEach((key, queue) -> queues.put(
                        key,
                        new Contents.Queue(
                                queue.waiters().stream()
                                        .map(InMemorySide::waiter)
                                        .toList(),
                                queue.remainingMillis())));
        Map<String, Long> lastFences = new HashMap<>();
        SequencePlan.KEYS.forEach(key -> lastFences.put(key, all.lastFence()));
        return new Contents(held, queues, lastFences, List.of());
    }

    private static Contents.Waiter waiter(InMemoryContents.Waiter waiter) {
        return new Contents.Waiter(
                Integer.parseInt(waiter.client().substring("client-".length())) - 1,
                waiter.token(),
                waiter.label(),
                waiter.claimMillis(),
                waiter.aliveMillis());
    }
}
