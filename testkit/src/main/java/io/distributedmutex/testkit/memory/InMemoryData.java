package io.distributedmutex.testkit.memory;

import static io.distributedmutex.spi.Ownership.GONE;
import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.spi.Ownership.STORE_LOST;
import static io.distributedmutex.spi.Ownership.TAKEN;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.memory.InMemoryCommands.Owned;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The data of an in-memory store, and what the Redis store's scripts do to it: a method for each script, line by line
 * the same, so that whoever knows one can read the other. Where they differ, the scripts are right; EquivalenceTest sees to
 * it that they do not. One difference is meant: all keys share one fence counter, as if they were in one cluster slot, so that
 * a key which never was locked is GONE here as soon as another was, where Redis may say STORE_LOST.
 *
 * <p>Time stands still during an operation, as it does during a script since Redis 7.2; call {@link #at} before each. What has
 * expired is noticed when it is looked at. Not thread-safe: {@link InMemoryServer} lets in one operation at a time.
 */
final class InMemoryData {

    /** How many fencing tokens a lease gets that its instance may pass on locally; BLOCK in fence.lua. */
    static final int BLOCK = 64;

    /** How long most waiters count as alive, and how long most grants to them last; see common.lua. */
    private static final long USUAL_MILLIS = 2_000;

    /** The characters of an instance's id. */
    private static final int INSTANCE = 11;

    /** The "token" of a key that is kept taken after its release; no acquisition has it. */
    private static final String NOBODY = "-";

    /** In the place of the fencing token of an owner who took the lock without a script. */
    private static final long UNTOLD = 0;

    /** Fencing tokens are stream ids, ms * 1000 + seq; see fence.lua. */
    private static final long IDS_PER_MILLI = 1000;

    private static final long NO_EXPIRY = Long.MAX_VALUE;

    /**
     * From how many keys on the expired ones are swept out, so that keys which nobody asks for again do not pile up.
     */
    private static final int SWEEP_THRESHOLD = 1024;

    /** How grants are told to clients. */
    interface Pushes {

        /**
         * Sends a grant to a client, as PUBLISH does.
         *
         * @return whether the client listens
         */
        boolean publish(String client, Grant grant);
    }

    /** A key was granted to a waiter. */
    record Grant(String key, String token, long fencingToken, int fencingTokens) {}

    enum Kind {
        LEASE,
        FOREIGN,
        NOT_A_STRING
    }

    /**
     * What stands at a key; the last four are empty unless it is a lease.
     *
     * @param isFollowed whether somebody has queued behind an owner who took the lock without a script
     */
    record Value(
            Kind kind,
            long expiryMillis,
            String token,
            long fence,
            boolean isFollowed,
            @Nullable String label) {

        boolean isOwnedBy(String owner) {
            return kind == Kind.LEASE && token.equals(owner);
        }

        /** Whether the owner took the lock without a script, and nobody has queued since. */
        boolean isBare() {
            return kind == Kind.LEASE && fence == UNTOLD && !isFollowed && !token.equals(NOBODY);
        }

        Value until(long newExpiryMillis) {
            return new Value(kind, newExpiryMillis, token, fence, isFollowed, label);
        }

        Value told(long fencingToken) {
            return new Value(kind, expiryMillis, token, fencingToken, false, label);
        }

        Value followed() {
            return new Value(kind, expiryMillis, token, fence, true, label);
        }
    }

    /** Where a client waits. */
    record Entry(String token, String client, String label) {}

    /**
     * What a grant to a waiting client needs.
     *
     * @param aliveUntilMillis when it will be dead without another sign of life, by the clock of fencing tokens
     * @param isInHash whether it has polled, or waits in an unusual way
     */
    record Waiter(long claimMillis, long aliveUntilMillis, boolean isInHash) {

        static final Waiter FORGOTTEN = new Waiter(1, 0, true);
    }

    /** Who waits for a key, first come first; lives as long as the last of them. */
    static final class Queue {
        final LinkedHashMap<Entry, Waiter> waiters = new LinkedHashMap<>();
        long expiryMillis;

        /** When what is in the hash is forgotten; 0 if nothing is. */
        long hashExpiryMillis;

        void remove(Entry entry) {
            waiters.remove(entry);
            if (waiters.values().stream().noneMatch(Waiter::isInHash)) {
                hashExpiryMillis = 0;
            }
        }
    }

    /** Whom a free key was granted to. */
    private enum Next {
        ASKER,
        OTHER,
        NOBODY
    }

    private final Pushes pushes;
    private final Map<String, Value> values = new HashMap<>();
    private final Map<String, Queue> queues = new HashMap<>();

    /** The last fencing token given for any key; 0 if the counter is not there. */
    private long lastFence;

    private long nowMicros;
    private int sweepSize = SWEEP_THRESHOLD;

    InMemoryData(Pushes pushes) {
        this.pushes = pushes;
    }

    /** Sets the server's clock, in microseconds since the epoch, for the operation that follows. */
    InMemoryData at(long micros) {
        nowMicros = micros;
        return this;
    }

    // ---- the fast path

    /** As SET with NX and PX. */
    boolean take(String key, String token, String label, long leaseMillis) {
        boolean isFree = valueAt(key) == null;
        if (isFree) {
            setOwner(key, token, UNTOLD, label, leaseMillis);
        }
        return isFree;
    }

    /** As XADD. */
    long draw() {
        return nextFence(1);
    }

    /** As EXISTS of the queue. */
    boolean isWaitedFor(String key) {
        return queueAt(key) != null;
    }

    /** As GETRANGE, and a look at it: whether the token took the key, and if so, whether somebody has queued since. */
    Owned owned(String key, String token) {
        Value value = valueAt(key);
        if (value == null || !value.isOwnedBy(token) || value.fence != UNTOLD) {
            return Owned.NO;
        }
        return value.isFollowed ? Owned.FOLLOWED : Owned.YES;
    }

    /** As free.lua. */
    boolean free(String key, String token) {
        Value value = lockAt(key);
        boolean freed = value != null && value.isOwnedBy(token) && value.isBare();
        if (freed) {
            values.remove(key);
        }
        return freed;
    }

    // ---- the scripts

    /** As acquire.lua. */
    AcquireReply acquire(String client, String label, AcquireRequest request) {
        String key = request.key();
        String token = request.token();
        String releasing = request.releasing();
        Value value = lockAt(key);
        Ownership released = null;
        if (releasing != null) {
            released = ownership(value, releasing);
            if (released == HELD) {
                values.remove(key);
                value = null;
            }
        }
        if (value != null && value.isOwnedBy(token) && value.isBare() && queueAt(key) != null) {
            // It barged in without a script, and was not granted the key.
            values.remove(key);
            value = null;
        }
        if (value != null && value.isOwnedBy(token)) {
            // A repeated request, or a grant whose push was lost. Never shortens, so that a late repetition does no
            // harm.
            if (value.fence == UNTOLD) {
                value = value.told(nextFence(1));
                values.put(key, value);
            }
            if (remainingMillis(value) < request.leaseMillis()) {
                expireAfter(key, value, request.leaseMillis());
            }
            return new AcquireReply.Granted(value.fence, 1, released);
        }
        if (value == null) {
            // Who only tries does not take the turn of a waiter of its own instance either.
            Next next = grantNext(key, request.queue() ? new Entry(token, client, label) : null);
            if (next != Next.OTHER) {
                int count = next == Next.ASKER || releasing != null ? BLOCK : 1;
                long first = nextFence(count);
                setOwner(key, token, first, label, request.leaseMillis());
                return new AcquireReply.Granted(first, count, released);
            }
            value = lockAt(key);
        }
        long last = request.queue() ? join(new Entry(token, client, label), request) : 0;
        Value holder = Objects.requireNonNull(value, "granted a moment ago");
        boolean owned = holder.kind == Kind.LEASE && !holder.token.equals(NOBODY);
        return new AcquireReply.Refused(
                remainingMillis(holder), holder.label, owned ? holder.token : null, last, released);
    }

    /** As release.lua. */
    Ownership release(String key, String token, long keepMillis) {
        Value value = lockAt(key);
        Ownership ownership = ownership(value, token);
        if (value != null && ownership == HELD) {
            if (keepMillis > 0) {
                values.put(
                        key,
                        new Value(
                                Kind.LEASE,
                                nowMillis() + keepMillis,
                                NOBODY,
                                value.fence,
                                value.isFollowed,
                                value.label));
            } else {
                values.remove(key);
                grantNext(key, null);
            }
        }
        return ownership;
    }

    /** As cancel.lua. */
    Ownership cancel(String client, String label, String key, String token) {
        Queue queue = queueAt(key);
        if (queue != null) {
            queue.remove(new Entry(token, client, label));
            if (queue.waiters.isEmpty()) {
                queues.remove(key);
            }
        }
        Value value = valueAt(key);
        Ownership ownership = ownership(value, token);
        if (ownership == HELD) {
            values.remove(key);
            grantNext(key, null);
        }
        return ownership;
    }

    /** As renew.lua. */
    Ownership renew(String key, String token, long leaseMillis) {
        Value value = lockAt(key);
        Ownership ownership = ownership(value, token);
        if (value != null && ownership == HELD && remainingMillis(value) < leaseMillis) {
            expireAfter(key, value, leaseMillis);
        }
        return ownership;
    }

    /** As inspect.lua. */
    Optional<LockInfo> inspect(String key) {
        Value value = lockAt(key);
        if (value == null) {
            return Optional.empty();
        }
        boolean ours = value.kind == Kind.LEASE;
        long remaining = remainingMillis(value);
        Queue queue = queueAt(key);
        return Optional.of(new LockInfo(
                key,
                Optional.ofNullable(value.label),
                ours && value.fence != UNTOLD ? OptionalLong.of(value.fence) : OptionalLong.empty(),
                remaining < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(remaining)),
                queue == null ? 0 : queue.waiters.size()));
    }

    /** As force_release.lua. */
    Optional<LockInfo> forceRelease(String key) {
        Optional<LockInfo> before = inspect(key);
        if (before.isPresent()) {
            values.remove(key);
            grantNext(key, null);
        }
        return before;
    }

    /** The id of the instance that holds a key, with which its tokens begin; empty if none of ours does. */
    Optional<String> holder(String key) {
        Value value = lockAt(key);
        return value == null || value.kind != Kind.LEASE || value.token.equals(NOBODY)
                ? Optional.empty()
                : Optional.of(value.token.substring(0, Math.min(INSTANCE, value.token.length())));
    }

    /** As DEL by an administrator: whoever waits is told nothing. */
    boolean delete(String key) {
        Value value = valueAt(key);
        values.remove(key);
        return value != null;
    }

    /** As SET by another library; a negative time means without expiry. */
    void putForeign(String key, long expiryMillis) {
        values.put(key, new Value(Kind.FOREIGN, expiryOf(expiryMillis), "", 0, false, null));
    }

    /** As HSET by a program that uses the same key for something else. */
    void putWrongType(String key) {
        values.put(key, new Value(Kind.NOT_A_STRING, NO_EXPIRY, "", 0, false, null));
    }

    /** As FLUSHALL. */
    void loseAll() {
        values.clear();
        queues.clear();
        lastFence = 0;
    }

    /** All data at one moment, without what had expired by then. */
    record Copy(long atMillis, Map<String, Value> values, Map<String, Queue> queues, long lastFence) {

        /** When the next fencing token would say that it was given. */
        long fenceMillis() {
            return Math.max(atMillis, lastFence / IDS_PER_MILLI);
        }
    }

    Copy copy() {
        sweep();
        return new Copy(nowMillis(), Map.copyOf(values), copied(queues), lastFence);
    }

    /** As a failover to a replica that was last written to when the copy was made. */
    void restore(Copy copy) {
        loseAll();
        values.putAll(copy.values);
        queues.putAll(copied(copy.queues));
        lastFence = copy.lastFence;
    }

    private static Map<String, Queue> copied(Map<String, Queue> queues) {
        Map<String, Queue> copies = new HashMap<>();
        queues.forEach((key, queue) -> {
            Queue copy = new Queue();
            copy.waiters.putAll(queue.waiters);
            copy.expiryMillis = queue.expiryMillis;
            copy.hashExpiryMillis = queue.hashExpiryMillis;
            copies.put(key, copy);
        });
        return copies;
    }

    /** The keys that are taken. */
    SortedSet<String> heldKeys() {
        sweep();
        return new TreeSet<>(values.keySet());
    }

    /** How many keys take up memory, with those that have expired since the last sweep. */
    int storedKeys() {
        return values.size();
    }

    /** How many clients wait for each key that is waited for. */
    SortedMap<String, Integer> waiters() {
        sweep();
        SortedMap<String, Integer> waiters = new TreeMap<>();
        queues.forEach((key, queue) -> waiters.put(key, queue.waiters.size()));
        return waiters;
    }

    /**
     * The lock is free: grants it to the first live waiter, and tells that one. A waiter whose sign of life is too old,
     * or who does not listen, is dropped; should it live after all it queues again with its next poll.
     *
     * @param asker the entry that is left to be granted by the caller if it is first
     */
    private Next grantNext(String key, @Nullable Entry asker) {
        Queue queue = queueAt(key);
        Next next = Next.NOBODY;
        long fence = UNTOLD;
        while (next == Next.NOBODY && queue != null && !queue.waiters.isEmpty()) {
            Map.Entry<Entry, Waiter> first = queue.waiters.entrySet().iterator().next();
            Entry entry = first.getKey();
            Waiter waiter = first.getValue();
            queue.remove(entry);
            if (entry.equals(asker)) {
                next = Next.ASKER;
                break;
            }
            if (fence == UNTOLD) {
                fence = nextFence(BLOCK);
            }
            if (waiter.aliveUntilMillis >= fence / IDS_PER_MILLI
                    && pushes.publish(entry.client, new Grant(key, entry.token, fence, BLOCK))) {
                setOwner(key, entry.token, fence, entry.label, waiter.claimMillis);
                next = Next.OTHER;
            }
        }
        if (queue != null && queue.waiters.isEmpty()) {
            queues.remove(key);
        }
        return next;
    }

    /** Returns a number that is greater than the fencing token of every grant until now, and smaller than those from now on. */
    private long join(Entry entry, AcquireRequest request) {
        Queue queue = queueAt(request.key());
        if (queue == null) {
            queue = new Queue();
            queues.put(request.key(), queue);
        }
        long last = nextFence(1);
        Value holder = values.get(request.key());
        if (queue.waiters.isEmpty() && holder != null && holder.isBare()) {
            values.put(request.key(), holder.followed());
        }
        boolean isUsual = request.claimMillis() == USUAL_MILLIS && request.aliveMillis() == USUAL_MILLIS;
        boolean isInHash = queue.waiters.containsKey(entry) || !isUsual;
        // An entry that is there already keeps its place.
        queue.waiters.put(
                entry, new Waiter(request.claimMillis(), last / IDS_PER_MILLI + request.aliveMillis(), isInHash));
        queue.expiryMillis = Math.max(queue.expiryMillis, nowMillis() + request.aliveMillis());
        if (isInHash) {
            queue.hashExpiryMillis = Math.max(queue.hashExpiryMillis, nowMillis() + request.aliveMillis());
        }
        return last;
    }

    private Ownership ownership(@Nullable Value value, String token) {
        if (value == null) {
            return lastFence == 0 ? STORE_LOST : GONE;
        }
        return value.isOwnedBy(token) ? HELD : TAKEN;
    }

    private long nextFence(int count) {
        long first = Math.max(nowMillis() * IDS_PER_MILLI, lastFence + 1);
        long beyond = first % IDS_PER_MILLI + count - IDS_PER_MILLI;
        if (beyond > 0) {
            first += count - beyond; // The millisecond is full.
        }
        lastFence = first + count - 1;
        return first;
    }

    private void setOwner(String key, String token, long fence, String label, long millis) {
        if (values.size() >= sweepSize) {
            sweep();
            sweepSize = Math.max(SWEEP_THRESHOLD, 2 * values.size());
        }
        values.put(key, new Value(Kind.LEASE, nowMillis() + millis, token, fence, false, label));
    }

    /** As PEXPIRE, which deletes the key if the time is not positive. */
    private void expireAfter(String key, Value value, long millis) {
        if (millis > 0) {
            values.put(key, value.until(nowMillis() + millis));
        } else {
            values.remove(key);
        }
    }

    /** What stands at a key, if it may be a lock. */
    private @Nullable Value lockAt(String key) {
        Value value = valueAt(key);
        if (value != null && value.kind == Kind.NOT_A_STRING) {
            throw new StoreRefusedException(
                    StoreRefusedException.Reason.WRONG_TYPE,
                    "the key holds something that is not a lock; use another key or prefix",
                    null);
        }
        return value;
    }

    private @Nullable Value valueAt(String key) {
        Value value = values.get(key);
        if (value != null && hasPassed(value.expiryMillis)) {
            values.remove(key);
            return null;
        }
        return value;
    }

    private @Nullable Queue queueAt(String key) {
        Queue queue = queues.get(key);
        if (queue != null && hasPassed(queue.expiryMillis)) {
            queues.remove(key);
            return null;
        }
        if (queue != null && queue.hashExpiryMillis != 0 && hasPassed(queue.hashExpiryMillis)) {
            queue.waiters.replaceAll((entry, waiter) -> waiter.isInHash ? Waiter.FORGOTTEN : waiter);
            queue.hashExpiryMillis = 0;
        }
        return queue;
    }

    private void sweep() {
        values.values().removeIf(value -> hasPassed(value.expiryMillis));
        List.copyOf(queues.keySet()).forEach(this::queueAt);
    }

    /** As PTTL: -1 if there is no expiry. */
    private long remainingMillis(Value value) {
        return value.expiryMillis == NO_EXPIRY ? -1 : value.expiryMillis - nowMillis();
    }

    private long expiryOf(long millis) {
        return millis < 0 ? NO_EXPIRY : nowMillis() + millis;
    }

    /** Redis lets a key live through the millisecond in which it expires (keyIsExpired in its db.c). */
    private boolean hasPassed(long expiryMillis) {
        return nowMillis() > expiryMillis;
    }

    /** Redis counts expiry from the beginning of the current millisecond. */
    private long nowMillis() {
        return Math.floorDiv(nowMicros, 1000);
    }
}
