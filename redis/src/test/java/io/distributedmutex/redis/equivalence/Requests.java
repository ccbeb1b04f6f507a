package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.equivalence.Contents.Held;
import io.distributedmutex.redis.equivalence.Contents.Queue;
import io.distributedmutex.redis.equivalence.Contents.Waiter;
import io.distributedmutex.redis.equivalence.Step.Kind;
import io.distributedmutex.redis.equivalence.Step.Whose;
import io.distributedmutex.spi.AcquireRequest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Makes requests of the steps of a sequence, and remembers what was asked in it. */
final class Requests {

    private final long unitMillis;
    private final List<StoreRequest> made = new ArrayList<>();
    private final List<String> usedTokens = new ArrayList<>();

    Requests(long unitMillis) {
        this.unitMillis = unitMillis;
    }

    /**
     * The request of a step.
     *
     * @param contents what is in the store before it
     * @return null if the step repeats a request and none was made yet
     */
    @Nullable
    StoreRequest of(Step step, Contents contents) {
        if (step.kind() == Kind.REPEAT) {
            return made.isEmpty() ? null : made.get(step.pick() % made.size());
        }
        StoreRequest request = request(step, contents);
        made.add(request);
        return request;
    }

    /** A token that nobody has. */
    static String newToken(int pick) {
        byte[] bytes = new byte[16];
        new SplittableRandom(pick).nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private StoreRequest request(Step step, Contents contents) {
        String key = SequencePlan.KEYS.get(step.key());
        return switch (step.kind()) {
            case TRY, QUEUE -> acquire(step, key, contents);
            case RELEASE -> release(step, key, token(step, key, contents), 0);
            case KEEP -> release(step, key, token(step, key, contents), step.units() * unitMillis);
            case CANCEL -> {
                String token = token(step, key, contents);
                yield new StoreRequest(
                        step.client(), key, "cancel '" + key + "' " + token, store -> store.cancel(key, token));
            }
            case RENEW -> renew(step, key, token(step, key, contents));
            case INSPECT -> new StoreRequest(step.client(), key, "inspect '" + key + "'", store -> store.inspect(key));
            case FORCE_RELEASE ->
                new StoreRequest(step.client(), key, "force release '" + key + "'", store -> store.forceRelease(key));
            default -> throw new IllegalArgumentException("no request: " + step);
        };
    }

    private StoreRequest acquire(Step step, String key, Contents contents) {
        String token = token(step, key, contents);
        String releasing = step.releasing() == Whose.NONE ? null : token(step, step.releasing(), key, contents);
        usedTokens.add(token);
        AcquireRequest request = new AcquireRequest(
                key,
                token,
                step.units() * unitMillis,
                step.kind() == Kind.QUEUE,
                step.claimUnits() * unitMillis,
                step.aliveUnits() * unitMillis,
                releasing);
        return new StoreRequest(step.client(), key, request.toString(), store -> store.acquire(request));
    }

    private static StoreRequest release(Step step, String key, String token, long keepMillis) {
        return new StoreRequest(
                step.client(),
                key,
                "release '" + key + "' " + token + " keep " + keepMillis + " ms",
                store -> store.release(key, token, keepMillis));
    }

    private StoreRequest renew(Step step, String key, String token) {
        // Now and then to nothing, which ends the lease at once.
        long leaseMillis = step.extreme() && step.pick() % 16 == 0 ? 0 : step.units() * unitMillis;
        return new StoreRequest(
                step.client(),
                key,
                "renew '" + key + "' " + token + " to " + leaseMillis + " ms",
                store -> store.renew(key, token, leaseMillis));
    }

    private String token(Step step, String key, Contents contents) {
        return token(step, step.token(), key, contents);
    }

    /** Any token if there is none of the wanted kind. */
    private String token(Step step, Whose whose, String key, Contents contents) {
        Held held = contents.held().get(key);
        if (whose == Whose.OWNER && held != null && held.isOwned()) {
            return held.token();
        }
        Queue queue = contents.queues().get(key);
        if (whose == Whose.WAITING && queue != null) {
            for (Waiter waiter : queue.waiters()) {
                if (waiter.client() == step.client()) {
                    return waiter.token();
                }
            }
        }
        return whose == Whose.NEW || usedTokens.isEmpty()
                ? newToken(step.pick())
                : usedTokens.get(step.pick() % usedTokens.size());
    }
}
