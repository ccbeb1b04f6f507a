package io.distributedmutex.verification.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Fuzz;
import io.distributedmutex.testing.LoggedLines;
import io.distributedmutex.testing.OddInput;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisCommands;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An administrator, or a bug of others, replaces the companions of a lock: what is of a wrong type is a clear error until it
 * is removed, anything else is recovered from.
 */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class CompanionFuzzTest {

    private static final long TWO_TO_53 = 1L << 53;

    private final EmbeddedRedis redis;
    private final RawRedis raw;
    private final LoggedLines log = new LoggedLines();
    private final DistributedMutex holder;
    private final DistributedMutex waiter;
    private final byte[] queue;
    private final byte[] waiters;
    private final byte[] fence;

    CompanionFuzzTest(RedisExecutable executable) throws Exception {
        redis = EmbeddedRedis.builder().executable(executable.path()).start();
        raw = new RawRedis(redis);
        LockOptions options =
                LockOptions.builder().retryInterval(Duration.ofMillis(20)).build();
        holder = RedisMutex.builder().uri(redis.uri()).options(options).connect();
        waiter = RedisMutex.builder().uri(redis.uri()).options(options).connect();
        try (Lease held = holder.acquire("k")) {
            CompletableFuture<Lease> waiting = waiter.acquireAsync("k");
            Await.until(
                    "a waiter that has polled",
                    () -> !raw.commands().keys("dmutex:*:waiters:lock:k").isEmpty());
            queue = find(":queue:lock:k");
            waiters = find(":waiters:lock:k");
            fence = find(":fence");
            assertThat(held.release()).isTrue();
            assertThat(waiting.get(5, TimeUnit.SECONDS).release()).isTrue();
        }
    }

    @AfterEach
    void stop() {
        holder.close();
        waiter.close();
        raw.close();
        redis.close();
        log.close();
    }

    private byte[] find(String end) {
        return raw.commands().keys("dmutex:*" + end).get(0);
    }

    @Test
    void garbageInTheCompanionsIsAClearErrorOrRecoveredFrom() throws Exception {
        Fuzz.rounds(150, input -> {
            RedisCommands<byte[], byte[]> commands = raw.commands();
            Lease held = holder.acquire("k");
            checkToken(held);
            CompletableFuture<Lease> waiting = waiter.acquireAsync("k");
            if (input.oneIn(2)) {
                Await.until("a waiter", () -> commands.zcard(queue) == 1);
            }
            boolean sound = spoil(input, commands);

            // What happens while it is so.
            Boolean released = outcome(held::release);
            if (input.oneIn(3)) {
                outcome(() -> holder.tryAcquire("k").map(Lease::release).orElse(false));
            }
            Lease granted = outcome(() -> waiting.get(3, TimeUnit.SECONDS));
            if (sound) {
                assertThat(released).as("released").isTrue();
                assertThat(granted).as("granted").isNotNull();
            }
            if (granted != null) {
                checkToken(granted);
                outcome(granted::release);
            }
            outcome(() -> holder.inspect("k"));

            // And when it is no longer so: nothing remains but at worst a claim that nobody heard of.
            commands.del(queue, waiters);
            if (!commands.type(fence).equals("string")) {
                commands.del(fence);
            }
            try (Lease next = holder.acquire("k")) {
                checkToken(next);
            }
            commands.del(queue, waiters);
            Await.until("the key to be free", () -> commands.exists(RawRedis.utf8("lock:k")) == 0);
        });
        log.check();
    }

    /** Returns whether nothing is of a wrong type. */
    private boolean spoil(OddInput input, RedisCommands<byte[], byte[]> commands) {
        boolean sound = true;
        for (int times = 1 + input.below(3); times > 0; times--) {
            byte[] companion = input.oneIn(3) ? queue : input.oneIn(2) ? waiters : fence;
            input.note(new String(companion, StandardCharsets.UTF_8));
            if (input.oneIn(8)) {
                input.note("of a wrong type");
                // In one step, or a poll in between makes it anew.
                commands.eval(
                        "redis.call('DEL', KEYS[1]) return redis.call('LPUSH', KEYS[1], 'x')",
                        ScriptOutputType.INTEGER,
                        companion);
                sound = false;
            } else if (companion == fence && commands.type(fence).matches("string|none")) {
                commands.set(fence, RawRedis.utf8(input.oneIn(4) ? input.text(0, 40) : input.number()));
            } else if (companion == waiters && commands.type(waiters).matches("hash|none")) {
                List<byte[]> clients = commands.hkeys(waiters);
                byte[] client = clients.isEmpty() || input.oneIn(3) ? input.bytes(20) : clients.get(0);
                commands.hset(waiters, client, RawRedis.utf8(sign(input)));
            } else if (companion == queue && commands.type(queue).matches("zset|none")) {
                for (int members = input.below(20); members >= 0; members--) {
                    double score = input.oneOf(
                            List.of(0.0, -1e300, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1.5, 9e15));
                    byte[] entry = input.oneIn(2) ? input.bytes(20) : RawRedis.utf8(entry(input));
                    commands.zadd(queue, input.oneIn(3) ? recent(commands) : score, entry);
                }
            }
        }
        return sound;
    }

    /** The arrival number of who comes now. */
    private static double recent(RedisCommands<byte[], byte[]> commands) {
        return Double.parseDouble(new String(commands.time().get(0), StandardCharsets.US_ASCII)) * 1e6;
    }

    /** What a waiter's entry might be after somebody's edit: token|client|label. */
    private static String entry(OddInput input) {
        return input.oneIn(4) ? input.text(0, 60) : input.token() + "|" + input.token() + "|" + input.text(0, 20);
    }

    /** What a sign of life might be after somebody's edit: alive|claim. */
    private static String sign(OddInput input) {
        String alive = input.oneIn(2) ? "99999999999999" : input.number();
        String claim = input.oneIn(3) ? "50" : input.number();
        return input.oneIn(4) ? input.text(0, 60) : alive + "|" + claim;
    }

    /** A result, or null after an error of a kind that the documentation knows. */
    private static <T> @Nullable T outcome(java.util.concurrent.Callable<T> action) throws Exception {
        Throwable failure;
        try {
            return action.call();
        } catch (java.util.concurrent.ExecutionException | CompletionException e) {
            failure = e.getCause();
        } catch (RuntimeException e) {
            failure = e;
        }
        if (failure instanceof StoreRefusedException refused) {
            assertThat(refused.reason()).as("%s", refused).isEqualTo(Reason.WRONG_TYPE);
        } else if (!(failure instanceof LockNotAcquiredException)) {
            fail("not documented", failure);
        }
        return null;
    }

    private static void checkToken(Lease lease) {
        assertThat(lease.fencingToken()).isPositive().isLessThan(TWO_TO_53);
    }
}
