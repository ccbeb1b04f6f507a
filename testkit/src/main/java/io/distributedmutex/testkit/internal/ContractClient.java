package io.distributedmutex.testkit.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * One instance, as the {@link LockStoreContract} plays it: a store object, the pushes that it got, and calls that wait
 * for their reply. Unless a call says otherwise, its times are so long that they do not end within a test.
 */
public final class ContractClient {

    public static final String KEY = "tenant:123:settings:update";

    /** Times that differ clearly, so that a test sees which of them counted. */
    public static final Duration LEASE = Duration.ofMinutes(10);

    public static final Duration FOREIGN = Duration.ofMinutes(7);
    public static final Duration ALIVE = Duration.ofMinutes(5);
    public static final Duration CLAIM = Duration.ofMinutes(2);

    /** A time that a test lets pass; long enough that a few calls to a real store fit in. */
    public static final Duration SHORT = Duration.ofMillis(250);

    /** How much later than expected a test may look at a time. */
    private static final Duration SLACK = Duration.ofMinutes(1);

    private static final long PATIENCE_SECONDS = 10;
    private static final SecureRandom RANDOM = new SecureRandom();

    /** A grant that was pushed. */
    public record Push(String key, String token, long fencingToken, int fencingTokens) {}

    public final LockStore store;
    public final String label;
    /** What messages to it are sent to. */
    public final String instance = newToken().substring(0, 11);

    private final BlockingQueue<Push> pushes = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();

    public ContractClient(LockStore store, String label) {
        this.store = store;
        this.label = label;
        store.start(label, instance, new StoreEvents() {
            @Override
            public void granted(String key, String token, long fencingToken, int fencingTokens) {
                pushes.add(new Push(key, token, fencingToken, fencingTokens));
            }

            @Override
            public void message(String text) {
                messages.add(text);
            }

            @Override
            public void reconnected() {}
        });
    }

    public static String newToken() {
        byte[] bytes = new byte[16];
        RANDOM.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    // ---- requests

    public static AcquireRequest trying(String key, String token) {
        return trying(key, token, LEASE);
    }

    public static AcquireRequest trying(String key, String token, Duration lease) {
        return new AcquireRequest(key, token, lease.toMillis(), false, CLAIM.toMillis(), ALIVE.toMillis(), null);
    }

    public static AcquireRequest queueing(String key, String token) {
        return queueing(key, token, CLAIM, ALIVE);
    }

    public static AcquireRequest queueing(String key, String token, Duration claim, Duration alive) {
        return new AcquireRequest(key, token, LEASE.toMillis(), true, claim.toMillis(), alive.toMillis(), null);
    }

    /** Gives `released` back and queues for `token`. */
    public static AcquireRequest yielding(String key, String token, String released) {
        return new AcquireRequest(key, token, LEASE.toMillis(), true, CLAIM.toMillis(), ALIVE.toMillis(), released);
    }

    // ---- calls that wait for their reply

    public AcquireReply ask(AcquireRequest request) {
        return await(store.acquire(request));
    }

    public AcquireReply.Granted mustGet(AcquireRequest request) {
        return assertInstanceOf(AcquireReply.Granted.class, ask(request));
    }

    public AcquireReply.Refused mustNotGet(AcquireRequest request) {
        return assertInstanceOf(AcquireReply.Refused.class, ask(request));
    }

    /** Takes a free key. */
    public AcquireReply.Granted take(String key, String token) {
        return mustGet(trying(key, token));
    }

    /** Queues for a key that is held. */
    public AcquireReply.Refused queue(String key, String token) {
        return mustNotGet(queueing(key, token));
    }

    public Ownership release(String key, String token) {
        return await(store.release(key, token, 0));
    }

    public Ownership keep(String key, String token, Duration keep) {
        return await(store.release(key, token, keep.toMillis()));
    }

    public Ownership cancel(String key, String token) {
        return await(store.cancel(key, token));
    }

    public Ownership renew(String key, String token, Duration lease) {
        return await(store.renew(key, token, lease.toMillis()));
    }

    public Optional<LockInfo> inspect(String key) {
        return await(store.inspect(key));
    }

    public Optional<LockInfo> forceRelease(String key) {
        return await(store.forceRelease(key));
    }

    public boolean send(String to, String message) {
        return await(store.send(to, message));
    }

    /** Sends a message to whoever holds a key. */
    public boolean sendToHolder(String key, String message) {
        return await(store.sendToHolder(key, message));
    }

    // ---- what was seen

    /** The next message, which must come soon. */
    public String awaitMessage() {
        try {
            String message = messages.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            assertNotNull(message, () -> "no message reached " + label);
            return message;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return fail("interrupted", e);
        }
    }

    /** Asserts that no message has come; a round trip before gives a wrong one time to come. */
    public void mustHaveNoMessage() {
        assertEquals(Optional.empty(), Optional.ofNullable(messages.peek()), () -> "a message reached " + label);
    }

    /** The next push, which must come soon and be for this token. */
    public Push awaitPush(String key, String token) {
        Push push = nextPush(Duration.ofSeconds(PATIENCE_SECONDS));
        assertNotNull(push, () -> "no push reached " + label);
        assertEquals(key, push.key);
        assertEquals(token, push.token);
        return push;
    }

    @Nullable
    public Push nextPush(Duration patience) {
        try {
            return pushes.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return fail("interrupted", e);
        }
    }

    /** Asserts that no push has come; a round trip before gives a wrong one time to come. */
    public void mustHaveNoPush() {
        assertEquals(Optional.empty(), Optional.ofNullable(pushes.peek()), () -> "a push reached " + label);
    }

    /** What the store says of a key that must be held. */
    public LockInfo mustBeHeld(String key) {
        return inspect(key).orElseGet(() -> fail("'" + key + "' is free"));
    }

    /** Asserts that what is known of a key names the holder's fencing token, or none: a store need not keep it. */
    public static void mustNotTellAnother(long fencingToken, LockInfo info) {
        info.fencingToken().ifPresent(told -> assertEquals(fencingToken, told));
    }

    public void mustBeHeldBy(ContractClient holder, String key) {
        assertEquals(Optional.of(holder.label), mustBeHeld(key).holder());
    }

    public void mustBeFree(String key) {
        assertEquals(Optional.empty(), inspect(key));
    }

    public int waiters(String key) {
        return mustBeHeld(key).waiters();
    }

    /** Asserts that a key lasts for a time, or a little less since it was set a moment ago. */
    public void mustRemain(String key, Duration expected) {
        mustBeAbout(expected, mustBeHeld(key).remaining().orElseGet(() -> fail("'" + key + "' has no expiry")));
    }

    public static void mustBeAbout(Duration expected, Duration actual) {
        assertTrue(
                actual.compareTo(expected) <= 0 && actual.compareTo(expected.minus(SLACK)) > 0,
                () -> "expected at most " + expected + " and little less, but was " + actual);
    }

    /** What a call failed with, exactly as the store completed it. */
    public static Throwable failure(CompletionStage<?> stage) {
        return await(stage.<Optional<Throwable>>handle((reply, error) -> Optional.ofNullable(error)))
                .orElseGet(() -> fail("the call should have failed"));
    }

    public static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            return fail("the store failed", e.getCause());
        } catch (TimeoutException e) {
            return fail("the store did not answer within " + PATIENCE_SECONDS + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return fail("interrupted", e);
        }
    }

    public void close() {
        store.close();
    }

    /** Runs something in a thread of its own, so that the thread's errors reach whoever awaits it. */
    public static <T> CompletableFuture<T> inOwnThread(Callable<T> body) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                result.complete(body.call());
            } catch (Exception | AssertionError e) {
                result.completeExceptionally(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return result;
    }
}
