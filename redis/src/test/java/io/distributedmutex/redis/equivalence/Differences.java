package io.distributedmutex.redis.equivalence;

import io.distributedmutex.LockInfo;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.equivalence.Client.Push;
import io.distributedmutex.redis.equivalence.Contents.Held;
import io.distributedmutex.redis.equivalence.Contents.Queue;
import io.distributedmutex.redis.equivalence.Contents.Waiter;
import io.distributedmutex.redis.equivalence.Fences.Sides;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.Ownership;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Finds out in what the two sides differ; each method returns null if in nothing. What is first said is in memory. */
final class Differences {

    /** How many fencing tokens a grant out of the queue has; BLOCK in fence.lua. */
    private static final int BLOCK = 64;

    private final Fences fences = new Fences();
    private final long toleranceMillis;

    Differences(long toleranceMillis) {
        this.toleranceMillis = toleranceMillis;
    }

    /** All data was lost. */
    void lost() {
        fences.lost();
    }

    /** The clock was set back, for which numbers were drawn. */
    void clockSetBack() {
        fences.drawn();
    }

    /** Of the fence counters, which also tell how many fencing tokens the key's new owner has. */
    @Nullable
    String ofCounters(StoreRequest request, Sides before, Sides after) {
        String key = request.key();
        Held owner = after.inMemory().held().get(key);
        Held other = after.redis().held().get(key);
        boolean isNew = owner != null
                && other != null
                && !owner.sameLeaseAs(before.inMemory().held().get(key));
        String difference = fences.difference(key, before, after, request.isAcquire());
        if (difference == null && isNew && !isUntold(other)) {
            long beyond = after.inMemory().lastFences().get(key) - owner.fencingToken();
            long otherBeyond = after.redis().lastFences().get(key) - other.fencingToken();
            // The asker's arrival number comes after the owner's block; before 7.2 the server's clock may go on
            // between.
            boolean isAlike = beyond < BLOCK ? beyond == otherBeyond : otherBeyond >= beyond;
            difference = isAlike ? null : "how far the counter is beyond the owner's fencing token: " + after;
        }
        return difference;
    }

    /**
     * Of two answers.
     *
     * @param before what was in the stores before the request
     * @param after what is in them after it
     */
    @Nullable
    String ofAnswers(String key, Object inMemory, Object redis, Sides before, Sides after) {
        // Before this request, whose counting is yet to be looked at.
        boolean wasCounted = fences.isCounted(key);
        if (inMemory instanceof AcquireReply.Granted granted && redis instanceof AcquireReply.Granted other) {
            return first(
                    granted.fencingTokens() != other.fencingTokens() ? "number of fencing tokens" : null,
                    ofOwnership(granted.released(), other.released(), wasCounted),
                    covers(key, granted, after.inMemory()) && covers(key, other, after.redis())
                            ? null
                            : "fencing tokens beyond the counter",
                    isUntold(before.redis().held().get(key))
                            ? fences.differenceOfNew(key, granted.fencingToken(), other.fencingToken())
                            : fences.difference(key, granted.fencingToken(), other.fencingToken()));
        }
        if (inMemory instanceof AcquireReply.Refused refused && redis instanceof AcquireReply.Refused other) {
            return first(
                    Objects.equals(refused.holder(), other.holder()) ? null : "holder",
                    ofMillis("remaining time", refused.remainingMillis(), other.remainingMillis()),
                    ofOwnership(refused.released(), other.released(), wasCounted),
                    isLast(key, refused, after.inMemory())
                                    && isLast(key, other, after.redis())
                                    && (refused.lastFencingToken() == 0) == (other.lastFencingToken() == 0)
                            ? null
                            : "last fencing token, which is that of the counter");
        }
        if (inMemory instanceof Optional<?> maybe && redis instanceof Optional<?> other) {
            return maybe.isPresent() && other.isPresent()
                    ? ofInfos((LockInfo) maybe.get(), (LockInfo) other.get())
                    : maybe.isPresent() != other.isPresent() ? "whether it is held" : null;
        }
        if (inMemory instanceof Ownership ownership && redis instanceof Ownership other) {
            return ofOwnership(ownership, other, wasCounted);
        }
        if (inMemory instanceof StoreRefusedException refused && redis instanceof StoreRefusedException other) {
            return refused.reason() == other.reason() ? null : "reason";
        }
        return inMemory.getClass() == redis.getClass() ? null : "kind of answer";
    }

    /** Whether a lease was taken without a script, so that its value does not tell its fencing token: only in Redis. */
    private static boolean isUntold(@Nullable Held held) {
        return held != null && held.kind() == Contents.Kind.LEASE && held.fencingToken() == 0;
    }

    private static boolean covers(String key, AcquireReply.Granted granted, Contents contents) {
        return granted.fencingToken() + granted.fencingTokens() - 1
                <= contents.lastFences().get(key);
    }

    private static boolean isLast(String key, AcquireReply.Refused refused, Contents contents) {
        return refused.lastFencingToken() == 0
                || refused.lastFencingToken() == contents.lastFences().get(key);
    }

    @Nullable
    String ofPushes(int client, List<Push> inMemory, List<Push> redis) {
        String difference = inMemory.size() == redis.size() ? null : "number";
        for (int i = 0; i < inMemory.size() && difference == null; i++) {
            Push push = inMemory.get(i);
            Push other = redis.get(i);
            difference = !push.key().equals(other.key())
                            || !push.token().equals(other.token())
                            || push.fencingTokens() != other.fencingTokens()
                    ? "content"
                    : fences.difference(push.key(), push.fencingToken(), other.fencingToken());
        }
        return difference == null
                ? null
                : "pushes to client " + client + " (" + difference + "): " + inMemory + ", in Redis " + redis;
    }

    @Nullable
    String ofContents(Sides sides) {
        String difference = sides.redis().oddities().isEmpty() ? null : "oddities";
        for (String key : SequencePlan.KEYS) {
            difference = difference != null
                    ? difference
                    : first(
                            ofHeld(
                                    key,
                                    sides.inMemory().held().get(key),
                                    sides.redis().held().get(key)),
                            ofQueues(
                                    sides.inMemory().queues().get(key),
                                    sides.redis().queues().get(key)),
                            fences.isCounted(key) == (sides.redis().lastFences().get(key) > 0)
                                    ? null
                                    : "the existence of the fence counter");
        }
        return difference == null
                ? null
                : "contents (" + difference + "): " + sides.inMemory() + ", in Redis " + sides.redis();
    }

    private @Nullable String ofInfos(LockInfo inMemory, LockInfo redis) {
        return first(
                inMemory.key().equals(redis.key()) ? null : "key",
                inMemory.holder().equals(redis.holder()) ? null : "holder",
                inMemory.waiters() == redis.waiters() ? null : "number of waiters",
                ofMillis(
                        "remaining time",
                        inMemory.remaining().map(Duration::toMillis).orElse(-1L),
                        redis.remaining().map(Duration::toMillis).orElse(-1L)),
                inMemory.fencingToken().isPresent() && redis.fencingToken().isPresent()
                        ? fences.difference(
                                inMemory.key(),
                                inMemory.fencingToken().getAsLong(),
                                redis.fencingToken().getAsLong())
                        : redis.fencingToken().isPresent() ? "whether there is a fencing token" : null);
    }

    private @Nullable String ofHeld(String key, @Nullable Held inMemory, @Nullable Held redis) {
        if (inMemory == null || redis == null) {
            return inMemory == redis ? null : "whether a key is held";
        }
        return first(
                inMemory.kind() == redis.kind() ? null : "kind",
                inMemory.token().equals(redis.token()) ? null : "owner",
                inMemory.label().equals(redis.label()) ? null : "label",
                ofMillis("remaining time", inMemory.remainingMillis(), redis.remainingMillis()),
                inMemory.fencingToken() == redis.fencingToken() || isUntold(redis)
                        ? null
                        : fences.difference(key, inMemory.fencingToken(), redis.fencingToken()));
    }

    /** A waiter whose signs of life are forgotten in Redis, all being too old, has no claim time there. */
    private @Nullable String ofQueues(@Nullable Queue inMemory, @Nullable Queue redis) {
        if (inMemory == null || redis == null) {
            return inMemory == redis ? null : "whether there is a queue";
        }
        if (inMemory.waiters().size() != redis.waiters().size()) {
            return "number of waiters";
        }
        String difference = ofMillis("remaining time of a queue", inMemory.remainingMillis(), redis.remainingMillis());
        for (int i = 0; i < inMemory.waiters().size() && difference == null; i++) {
            Waiter waiter = inMemory.waiters().get(i);
            Waiter other = redis.waiters().get(i);
            boolean isForgotten = other.claimMillis() < 0 && waiter.aliveMillis() < 0;
            difference = first(
                    waiter.client() == other.client() ? null : "order of the queue",
                    waiter.token().equals(other.token()) ? null : "a waiter's token",
                    waiter.label().equals(other.label()) ? null : "a waiter's label",
                    isForgotten || waiter.claimMillis() == other.claimMillis() ? null : "claim time",
                    isForgotten || Math.abs(waiter.aliveMillis() - other.aliveMillis()) <= toleranceMillis
                            ? null
                            : "sign of life");
        }
        return difference;
    }

    private static @Nullable String ofOwnership(
            @Nullable Ownership inMemory, @Nullable Ownership redis, boolean wasCounted) {
        Ownership expected = inMemory == Ownership.GONE || inMemory == Ownership.STORE_LOST
                ? wasCounted ? Ownership.GONE : Ownership.STORE_LOST
                : inMemory;
        return expected == redis ? null : "ownership";
    }

    private @Nullable String ofMillis(String what, long inMemory, long redis) {
        boolean alike = inMemory < 0 || redis < 0 ? inMemory == redis : Math.abs(inMemory - redis) <= toleranceMillis;
        return alike ? null : what;
    }

    private static @Nullable String first(@Nullable String... differences) {
        for (String difference : differences) {
            if (difference != null) {
                return difference;
            }
        }
        return null;
    }
}
