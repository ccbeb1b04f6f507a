package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.FastPath.Freed;
import io.distributedmutex.redis.FastPath.Freeing;
import io.distributedmutex.redis.FastPath.Taken;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Ownership;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the fast path sends, and what follows from each answer. What comes between its steps is simulated elsewhere. */
@Timeout(60)
class FastPathTest {

    private static final AcquireReply.Granted GRANTED = new AcquireReply.Granted(7, 1, null);
    private static final AcquireReply.Refused REFUSED = new AcquireReply.Refused(100, "other", null, 9, null);

    private final List<String> sent = Collections.synchronizedList(new ArrayList<>());
    private final CompletableFuture<Taken> taken = new CompletableFuture<>();
    private final List<CompletableFuture<Freed>> freed = List.of(
            new CompletableFuture<>(), new CompletableFuture<>(), new CompletableFuture<>(), new CompletableFuture<>());
    private int frees;
    private final CompletableFuture<AcquireReply> acquired = new CompletableFuture<>();
    private final CompletableFuture<Ownership> released = new CompletableFuture<>();
    private Runnable whileAcquiring = () -> {};
    private long nanos = 5;
    private final FastPath fastPath = new FastPath(
            new FastPath.Server() {
                @Override
                public CompletableFuture<Taken> take(AcquireRequest request) {
                    sent.add("take");
                    return taken;
                }

                @Override
                public CompletableFuture<Freed> free(String key, String token, Freeing by) {
                    sent.add(by.toString());
                    return freed.get(frees++);
                }

                @Override
                public CompletableFuture<AcquireReply> acquire(AcquireRequest request) {
                    whileAcquiring.run();
                    sent.add("acquire");
                    return acquired;
                }

                @Override
                public CompletableFuture<Ownership> release(String key, String token, long keepMillis) {
                    sent.add("release");
                    return released;
                }

                @Override
                public CompletableFuture<Ownership> cancel(String key, String token) {
                    sent.add("cancel");
                    return new CompletableFuture<>();
                }
            },
            () -> nanos);

    @Test
    void nothingFollowsAGrant() {
        CompletionStage<AcquireReply> reply = acquire();
        taken.complete(new Taken(true, GRANTED, null));

        assertThat(reply).isCompletedWithValue(GRANTED);
        assertThat(sent).containsExactly("take");
    }

    @Test
    void theScriptFollowsWhateverElseWasSaid() {
        for (boolean took : new boolean[] {false, true}) {
            FastPathTest one = new FastPathTest();
            CompletionStage<AcquireReply> reply = one.acquire();
            one.taken.complete(new Taken(took, null, null));
            assertThat(reply).isNotDone();
            one.acquired.complete(REFUSED);

            assertThat(reply).isCompletedWithValue(REFUSED);
            assertThat(one.sent).containsExactly("take", "acquire");
        }
    }

    @Test
    void nothingFollowsAFailure() {
        CompletionStage<AcquireReply> reply = acquire();
        StoreException error = new StoreUnreachableException("lost", null);
        taken.completeExceptionally(error);

        assertThat(failureOf(reply)).isSameAs(error);
        assertThat(sent).containsExactly("take");
    }

    /** Else it would ask for the key behind the cancel, for nobody. */
    @Test
    void noScriptFollowsWhatWasGivenUp() {
        CompletionStage<AcquireReply> reply = acquire();
        CompletionStage<Ownership> unused = fastPath.cancel("key", "token");
        taken.complete(new Taken(true, null, null));

        assertThat(reply.toCompletableFuture().join()).isInstanceOf(AcquireReply.Refused.class);
        assertThat(sent).containsExactly("take", "cancel");
    }

    @Test
    void noScriptFollowsWhatWasReleased() {
        CompletionStage<AcquireReply> reply = acquire();
        CompletionStage<Ownership> unused = fastPath.release("key", "token", 0);
        taken.complete(new Taken(true, null, null));

        assertThat(reply.toCompletableFuture().join()).isInstanceOf(AcquireReply.Refused.class);
        assertThat(sent).containsExactly("take", "ALL");
    }

    /** It was granted by a push meanwhile. */
    @Test
    void noScriptFollowsWhatAnotherRequestReleased() {
        CompletionStage<AcquireReply> reply = acquire();
        CompletionStage<AcquireReply> unused =
                fastPath.acquire(new AcquireRequest("key", "next", 1_000, true, 1_000, 2_000, "token"));
        taken.complete(new Taken(false, null, null));

        assertThat(reply.toCompletableFuture().join()).isInstanceOf(AcquireReply.Refused.class);
        assertThat(sent).containsExactly("take", "acquire");
    }

    @Test
    void whatIsGivenUpWhileTheScriptIsSentIsCancelledBehindIt() throws Exception {
        CompletionStage<AcquireReply> unused = acquire();
        Thread givesUp = new Thread(() -> fastPath.cancel("key", "token"));
        whileAcquiring = () -> {
            givesUp.start();
            while (givesUp.getState() != Thread.State.BLOCKED && givesUp.isAlive()) {
                Thread.onSpinWait();
            }
        };
        taken.complete(new Taken(true, null, null));
        givesUp.join();

        assertThat(sent).containsExactly("take", "acquire", "cancel");
    }

    /** Nobody asks again after that, or gives back what was refused. */
    @Test
    void whatWasTakenIsGivenBackIfTheScriptIsRefusedForGood() {
        CompletionStage<AcquireReply> reply = acquire();
        taken.complete(new Taken(true, null, null));
        StoreException error = new StoreRefusedException(StoreRefusedException.Reason.PERMISSION, "no", null);
        acquired.completeExceptionally(error);

        assertThat(failureOf(reply)).isSameAs(error);
        assertThat(sent).containsExactly("take", "acquire", "cancel");
    }

    /** The engine asks again with the same token. A cancel might arrive after that, and free what is believed to be held. */
    @Test
    void whatMayBeAskedForAgainIsNotGivenBack() {
        CompletionStage<AcquireReply> reply = acquire();
        taken.complete(new Taken(true, null, null));
        StoreException error = new StoreUnreachableException("lost", null);
        acquired.completeExceptionally(error);

        assertThat(failureOf(reply)).isSameAs(error);
        assertThat(sent).containsExactly("take", "acquire");
    }

    /** Else the engine would take it for unknown to the store, and give nothing back. */
    @Test
    void whatWasTakenWasSent() {
        CompletionStage<AcquireReply> reply = acquire();
        taken.complete(new Taken(true, null, null));
        acquired.completeExceptionally(StoreUnreachableException.notSent("no connection", null));

        StoreException error = failureOf(reply);
        assertThat(error).isInstanceOf(StoreUnreachableException.class).hasMessage("no connection");
        assertThat(error.isSurelyNotSent()).isFalse();
    }

    @Test
    void whatWasTakenWasSentAlsoIfTheConnectionIsRefused() {
        CompletionStage<AcquireReply> reply = acquire();
        taken.complete(new Taken(true, null, null));
        acquired.completeExceptionally(
                StoreRefusedException.notSent(StoreRefusedException.Reason.READ_ONLY, "a replica", null));

        StoreException error = failureOf(reply);
        assertThat(error).isInstanceOf(StoreRefusedException.class).hasMessage("a replica");
        assertThat(((StoreRefusedException) error).reason()).isEqualTo(StoreRefusedException.Reason.READ_ONLY);
        assertThat(error.isSurelyNotSent()).isFalse();
    }

    @Test
    void whatWasNotTakenIsAsTheScriptSays() {
        CompletionStage<AcquireReply> reply = acquire();
        taken.complete(new Taken(false, null, null));
        StoreException error = StoreUnreachableException.notSent("no connection", null);
        acquired.completeExceptionally(error);

        assertThat(failureOf(reply)).isSameAs(error);
        assertThat(sent).containsExactly("take", "acquire");
    }

    @Test
    void aTokenIsTakenOnceAtATime() {
        CompletionStage<AcquireReply> unused = acquire();
        CompletionStage<AcquireReply> again = acquire();
        assertThat(sent).containsExactly("take", "acquire");
        acquired.complete(GRANTED);

        assertThat(again).isCompletedWithValue(GRANTED);
    }

    @Test
    void aKeyThatWasContendedGoesToTheScriptsForASecond() {
        fastPath.contended("key");
        CompletionStage<AcquireReply> unused = acquire();
        CompletionStage<Ownership> unusedToo = fastPath.release("key", "token", 0);
        nanos += TimeUnit.SECONDS.toNanos(1) - 1;
        CompletionStage<AcquireReply> unusedAgain = acquire();
        assertThat(sent).containsExactly("acquire", "release", "acquire");
        nanos++;
        CompletionStage<AcquireReply> fast = acquire();

        assertThat(fast).isNotDone();
        assertThat(sent).containsExactly("acquire", "release", "acquire", "take");
    }

    @Test
    void anotherKeyIsNotContended() {
        fastPath.contended("another");
        CompletionStage<AcquireReply> unused = acquire();

        assertThat(sent).containsExactly("take");
    }

    @Test
    void whereACommandIsLackingThereAreOnlyScripts() {
        CompletionStage<AcquireReply> first = acquire();
        taken.complete(new Taken(false, null, "NOPERM"));
        acquired.complete(GRANTED);
        CompletionStage<AcquireReply> second = acquire();

        assertThat(first).isCompletedWithValue(GRANTED);
        assertThat(second).isCompletedWithValue(GRANTED);
        assertThat(sent).containsExactly("take", "acquire", "acquire");
    }

    @Test
    void whatTheFastPathCannotDoGoesToTheScripts() {
        CompletionStage<AcquireReply> unused =
                fastPath.acquire(new AcquireRequest("key", "token", 1_000, true, 1_000, 2_000, "before"));
        CompletionStage<Ownership> unusedToo = fastPath.release("key", "token", 1);

        assertThat(sent).containsExactly("acquire", "release");
    }

    @Test
    void whatIsFreedWasHeld() {
        CompletionStage<Ownership> ownership = fastPath.release("key", "token", 0);
        freed.get(0).complete(Freed.YES);

        assertThat(ownership).isCompletedWithValue(Ownership.HELD);
        assertThat(sent).containsExactly("ALL");
    }

    @Test
    void theScriptSaysWhyItWasNotFreed() {
        CompletionStage<Ownership> ownership = fastPath.release("key", "token", 0);
        freed.get(0).complete(Freed.NO);
        released.complete(Ownership.TAKEN);

        assertThat(ownership).isCompletedWithValue(Ownership.TAKEN);
        assertThat(sent).containsExactly("ALL", "release");
    }

    @Test
    void whatIsFoundToFreeKeysIsUsedAlone() {
        CompletionStage<Ownership> first = fastPath.release("key", "token", 0);
        freed.get(0).complete(new Freed(true, Freeing.DELEX, null));
        CompletionStage<Ownership> second = fastPath.release("key", "another", 0);
        freed.get(1).complete(Freed.YES);

        assertThat(first).isCompletedWithValue(Ownership.HELD);
        assertThat(second).isCompletedWithValue(Ownership.HELD);
        assertThat(sent).containsExactly("ALL", "DELEX");
    }

    @Test
    void whereNothingIsFoundAllIsTriedAgain() {
        CompletionStage<Ownership> unused = fastPath.release("key", "token", 0);
        freed.get(0).complete(Freed.NO);
        released.complete(Ownership.TAKEN);
        CompletionStage<Ownership> unusedToo = fastPath.release("key", "another", 0);

        assertThat(sent).containsExactly("ALL", "release", "ALL");
    }

    @Test
    void whatWasFreedByAllIsNotFreedAgainByTheScript() {
        CompletionStage<Ownership> first = fastPath.release("key", "token", 0);
        freed.get(0).complete(new Freed(false, Freeing.SCRIPT, "unknown"));
        released.complete(Ownership.GONE);
        CompletionStage<Ownership> unused = fastPath.release("key", "another", 0);

        assertThat(first).isCompletedWithValue(Ownership.GONE);
        assertThat(sent).containsExactly("ALL", "release", "SCRIPT");
    }

    /** It was there before: another server has taken its place, or the user has lost a right. */
    @Test
    void aCommandThatIsNoLongerThereIsReplacedByTheScriptForGood() {
        CompletionStage<Ownership> first = fastPath.release("key", "token", 0);
        freed.get(0).complete(new Freed(true, Freeing.DELIFEQ, null));
        CompletionStage<Ownership> second = fastPath.release("key", "another", 0);
        freed.get(1).complete(new Freed(false, Freeing.SCRIPT, "unknown"));
        freed.get(2).complete(Freed.YES);
        CompletionStage<Ownership> unused = fastPath.release("key", "third", 0);

        assertThat(first).isCompletedWithValue(Ownership.HELD);
        assertThat(second).isCompletedWithValue(Ownership.HELD);
        assertThat(sent).containsExactly("ALL", "DELIFEQ", "SCRIPT", "SCRIPT");
    }

    @Test
    void whatIsHeardLateDoesNotUndoWhatIsKnown() {
        CompletionStage<Ownership> unused = fastPath.release("key", "token", 0);
        CompletionStage<Ownership> unusedToo = fastPath.release("key", "another", 0);
        freed.get(0).complete(new Freed(true, Freeing.SCRIPT, "unknown"));
        freed.get(1).complete(new Freed(true, Freeing.DELIFEQ, null));
        CompletionStage<Ownership> last = fastPath.release("key", "third", 0);

        assertThat(last).isNotDone();
        assertThat(sent).containsExactly("ALL", "ALL", "SCRIPT");
    }

    @Test
    void aFailureOfAReleaseIsTold() {
        StoreException error = new StoreUnreachableException("lost", null);
        CompletionStage<Ownership> ownership = fastPath.release("key", "token", 0);
        freed.get(0).completeExceptionally(error);
        assertThat(failureOf(ownership)).isSameAs(error);

        FastPathTest other = new FastPathTest();
        CompletionStage<Ownership> second = other.fastPath.release("key", "token", 0);
        other.freed.get(0).complete(Freed.NO);
        other.released.completeExceptionally(error);
        assertThat(failureOf(second)).isSameAs(error);
    }

    private CompletionStage<AcquireReply> acquire() {
        return fastPath.acquire(new AcquireRequest("key", "token", 1_000, true, 1_000, 2_000, null));
    }

    private static StoreException failureOf(CompletionStage<?> stage) {
        try {
            throw new AssertionError(
                    "completed with " + stage.toCompletableFuture().join());
        } catch (CompletionException e) {
            return (StoreException) e.getCause();
        }
    }
}
