package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.internal.ThreadHolds;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IllegalFormatException;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** The adapter of the original Go package: its defaults, its log, and none of its defects. */
class MutexAdapterTest {

    private static final String KEY = "tenant:123:settings:update";

    private final Logger logger = (Logger) LoggerFactory.getLogger("the application's own");
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app");
    private final DistributedMutex other = deployment.instance("other").mutex();
    private final MutexAdapter adapter = new MutexAdapter(app.mutex(), logger);

    @BeforeEach
    void listen() {
        log.start();
        logger.setLevel(Level.DEBUG);
        logger.setAdditive(false);
        logger.addAppender(log);
    }

    @AfterEach
    void nothingIsLeft() {
        // JUnit's thread must not hand a flag on to the next test.
        Thread.interrupted();
        logger.detachAppender(log);
        deployment.close();
    }

    // ---- as the original

    @Test
    void aLockLastsOneMinute() {
        assertThat(adapter.acquire(KEY)).isTrue();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofMinutes(1));
        assertThat(adapter.release(KEY)).isTrue();
    }

    @Test
    void aLockIsTriedForTwentyTimes250Milliseconds() {
        Lease held = other.acquire(KEY);
        Worker<Boolean> waiting = Worker.startAndBlock(() -> adapter.acquire(KEY));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofMillis(20 * 250).minusNanos(1));
        assertThat(waiting.isDone()).isFalse();
        assertThat(app.store().count(Operation.ACQUIRE)).isEqualTo(20);
        deployment.time.advance(Duration.ofNanos(1));
        assertThat(waiting.result()).isFalse();
        held.close();
    }

    @Test
    void aLockFreedWithinThatTimeIsAcquired() {
        Lease held = other.acquire(KEY);
        Worker<Boolean> waiting = Worker.startAndBlock(() -> adapter.acquire(KEY) && adapter.release(KEY));
        deployment.awaitWaiters(KEY, 1);
        deployment.time.advance(Duration.ofSeconds(4));
        held.close();
        assertThat(waiting.result()).isTrue();
    }

    @Test
    void whatSucceedsIsLoggedAtDebugAndNothingElseIs() {
        adapter.acquire(KEY);
        long token = deployment.look(KEY).orElseThrow().fencingToken().orElseThrow();
        adapter.release(KEY);
        assertThat(lines())
                .containsExactly(
                        "DEBUG acquired '" + KEY + "', fencing token " + token, "DEBUG released '" + KEY + "'");
    }

    @Test
    void aTimeOutIsLoggedAtErrorWithWhoHoldsTheKeyAndForHowLong() {
        Lease held = other.acquire(KEY);
        assertThat(adapter.acquire(KEY, Duration.ZERO)).isFalse();
        assertThat(lines())
                .containsExactly("ERROR timed out: '" + KEY + "' not acquired: held by other for 60 s still");
        held.close();
    }

    @Test
    void theInjectedLoggerIsTheOneThatIsUsedAndTheClassHasOneOfItsOwn() {
        adapter.acquire(KEY, Duration.ZERO);
        adapter.release("never acquired");
        assertThat(lines()).hasSize(2);
        assertThat(deployment.takeWarnings()).isEmpty();

        new MutexAdapter(app.mutex()).release("never acquired");
        assertThat(lines()).hasSize(2);
        assertThat(deployment.takeWarnings())
                .containsExactly("WARN release of 'never acquired', which this thread does not hold:"
                        + " not acquired, released before, or expired");
        adapter.release(KEY);
    }

    // ---- nothing is thrown for a lock that failed

    @Test
    void anUnreachableStoreIsLoggedAtErrorWithItsCauseAndNotThrown() {
        app.store().failNext(1, Operation.ACQUIRE);
        assertThat(adapter.acquire(KEY, Duration.ZERO)).isFalse();
        assertThat(lines())
                .containsExactly("ERROR acquire failed: '" + KEY + "' not acquired: made to fail by the test");
        assertThat(log.list.get(0).getThrowableProxy()).isNotNull();
    }

    @Test
    void anOutageIsLoggedWithOneStackTrace() {
        app.store().failNext(3, Operation.ACQUIRE);
        for (int i = 0; i < 3; i++) {
            assertThat(adapter.acquire(KEY, Duration.ZERO)).isFalse();
        }
        assertThat(log.list)
                .filteredOn(event -> event.getThrowableProxy() != null)
                .hasSize(1);
        assertThat(adapter.acquire(KEY, Duration.ZERO)).isTrue();
        app.store().failNext(1, Operation.ACQUIRE);
        assertThat(adapter.acquire("other", Duration.ZERO)).isFalse();
        assertThat(log.list)
                .filteredOn(event -> event.getThrowableProxy() != null)
                .hasSize(2);
        assertThat(adapter.release(KEY)).isTrue();
    }

    @Test
    void aRefusalOfTheStoreIsLoggedAtErrorAndNotThrown() {
        deployment.server.putWrongType(KEY);
        assertThat(adapter.acquire(KEY)).isFalse();
        assertThat(lines()).singleElement().asString().startsWith("ERROR acquire failed: '" + KEY + "' not acquired: ");
        deployment.server.delete(KEY);
    }

    @Test
    void anInterruptIsLoggedAtErrorAndNotThrownAndTheFlagIsKept() {
        Lease held = other.acquire(KEY);
        Worker<Boolean> waiting = Worker.startAndBlock(
                () -> adapter.acquire(KEY) || !Thread.currentThread().isInterrupted());
        deployment.awaitWaiters(KEY, 1);
        waiting.interrupt();
        assertThat(waiting.result()).as("acquired, or the flag was lost").isFalse();
        assertThat(lines()).containsExactly("ERROR acquire failed: '" + KEY + "' not acquired: interrupted");
        assertThat(deployment.server.contents().waiters()).isEmpty();
        held.close();
    }

    @Test
    void aClosedMutexIsLoggedAtErrorAndNotThrown() {
        adapter.acquire(KEY);
        log.list.clear();
        app.mutex().close();
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(adapter.acquire(KEY)).isFalse();
        assertThat(lines()).hasSize(2);
        assertThat(lines().get(0)).startsWith("WARN release of '" + KEY + "'");
        assertThat(lines().get(1)).startsWith("ERROR acquire failed: ").contains("closed");
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aReleaseThatFailedIsLoggedAtErrorAndNotThrown() {
        adapter.acquire(KEY);
        log.list.clear();
        app.store()
                .failNext(
                        1,
                        Operation.RELEASE,
                        new StoreRefusedException(StoreRefusedException.Reason.PERMISSION, "NOPERM", null));
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(lines())
                .singleElement()
                .asString()
                .startsWith("ERROR release of '" + KEY + "' failed: ")
                .endsWith("NOPERM");
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("was not confirmed");
        // The hold is over all the same; the key frees itself at the lease's end.
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        deployment.time.advance(Duration.ofSeconds(61));
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    // ---- mended defects

    @Test
    void aThreadWhoseAcquireFailedAndStillReleasesFreesNobodyElsesLock() {
        Lease held = other.acquire(KEY);
        assertThat(adapter.acquire(KEY, Duration.ZERO)).isFalse();
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        assertThat(held.isValid()).isTrue();
        assertThat(lines()).hasSize(2);
        assertThat(lines().get(1))
                .isEqualTo("WARN release of '" + KEY + "', which this thread does not hold:"
                        + " not acquired, released before, or expired");
        held.close();
    }

    @Test
    void aThreadThatReleasesWhatAnotherOfTheSameProcessHoldsFreesNothing() {
        adapter.acquire(KEY);
        Worker<List<Boolean>> stranger =
                Worker.start(() -> List.of(adapter.acquire(KEY, Duration.ZERO), adapter.release(KEY)));
        assertThat(stranger.result()).containsExactly(false, false);
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        assertThat(adapter.release(KEY)).isTrue();
    }

    @Test
    void aSecondReleaseFreesNobodyElsesLock() {
        adapter.acquire(KEY);
        assertThat(adapter.release(KEY)).isTrue();
        Lease held = other.acquire(KEY);
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(held.isValid()).isTrue();
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        held.close();
    }

    @Test
    void theSameThreadMayAcquireAgainAndTheOutermostReleaseFrees() {
        assertThat(adapter.acquire(KEY)).isTrue();
        assertThat(adapter.acquire(KEY, Duration.ZERO)).isTrue();
        assertThat(adapter.acquiref("tenant:%d:settings:%s", 123, "update")).isTrue();
        assertThat(adapter.release(KEY)).isTrue();
        assertThat(adapter.releasef("tenant:%d:settings:%s", 123, "update")).isTrue();
        assertThat(deployment.holder(KEY)).isEqualTo("app");
        assertThat(adapter.release(KEY)).isTrue();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(app.store().count(Operation.ACQUIRE)).isEqualTo(1);
    }

    @Test
    void anAdapterThatIsNotReentrantLetsTheSameThreadWaitAndFailLikeAnybody() {
        MutexAdapter strict = adapter.notReentrant();
        assertThat(strict.acquire(KEY)).isTrue();
        assertThat(strict.acquire(KEY, Duration.ZERO)).isFalse();
        assertThat(lines().get(1)).startsWith("ERROR timed out: ").contains("held by app for 60 s still");
        assertThat(adapter.release(KEY)).as("not the other adapter's hold").isFalse();
        assertThat(strict.release(KEY)).as("still held by the first").isTrue();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(strict.release(KEY)).isFalse();
    }

    /** So the original limits a rate: a lock that is not released, and expires. */
    @Test
    void anAdapterThatIsNotReentrantAcquiresAnewWhenItsLockHasExpired() {
        MutexAdapter strict =
                new MutexAdapter(app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(10))), logger).notReentrant();
        assertThat(strict.acquire(KEY, Duration.ZERO)).isTrue();
        deployment.time.advance(Duration.ofMillis(9_897));
        assertThat(strict.acquire(KEY, Duration.ZERO)).isFalse();
        deployment.time.advance(Duration.ofMillis(104));
        assertThat(strict.acquire(KEY, Duration.ZERO)).isTrue();
        assertThat(strict.release(KEY)).isTrue();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void anExpiredLockLeavesNoEntryAndCanBeAcquiredAnew() throws Exception {
        adapter.acquire(KEY);
        adapter.acquire(KEY);
        assertThat(hold(adapter)).isNotNull();
        deployment.time.advance(Duration.ofSeconds(61));
        assertThat(hold(adapter)).isNull();
        log.list.clear();

        assertThat(adapter.acquire(KEY)).isTrue();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofMinutes(1));
        // The two entries of the expired lock do not count.
        assertThat(adapter.release(KEY)).isTrue();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
        assertThat(hold(adapter)).isNull();
        assertThat(lines()).hasSize(2).allMatch(line -> line.startsWith("DEBUG "));
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("LOST");
    }

    /** Before the lease's own timer has run: nobody has noticed the expiry, and so the entry is there still. */
    @Test
    void anInnerReleaseAtTheLeasesEndSaysThatTheLockIsHeldNoLonger() {
        Duration end = Duration.ofMillis(59_398);
        List<Boolean> released = new ArrayList<>();
        deployment.time.runAfter(() -> released.add(adapter.release(KEY)), end.toNanos());
        assertThat(adapter.acquire(KEY)).isTrue();
        assertThat(adapter.acquire(KEY)).isTrue();
        deployment.time.advance(end);
        assertThat(released).containsExactly(false);
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("LOST");
        deployment.time.advance(Duration.ofSeconds(1));
    }

    @Test
    void manyLocksThatExpireLeaveNoEntries() throws Exception {
        for (int i = 0; i < 1_000; i++) {
            adapter.acquire(KEY + i);
        }
        deployment.time.advance(Duration.ofSeconds(61));
        for (int i = 0; i < 1_000; i++) {
            assertThat(holds(adapter).get(KEY + i)).isNull();
        }
        assertThat(deployment.takeWarnings()).hasSize(1_000);
    }

    @Test
    void aReleaseAfterExpiryFreesNotTheSuccessorsLock() {
        adapter.acquire(KEY);
        deployment.time.advance(Duration.ofSeconds(61));
        Lease successor = other.acquire(KEY);
        log.list.clear();
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(lines()).singleElement().asString().startsWith("WARN release of '" + KEY + "'");
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        successor.close();
        assertThat(deployment.takeWarnings()).hasSize(1);
    }

    @Test
    void aReleaseOfWhatTheStoreHasLostSaysSoAndFreesNotTheSuccessorsLock() {
        adapter.acquire(KEY);
        deployment.server.delete(KEY);
        Lease successor = other.acquire(KEY);
        log.list.clear();
        assertThat(adapter.release(KEY)).isFalse();
        assertThat(lines())
                .containsExactly("WARN release of '" + KEY + "', which this thread no longer held: its lease was lost");
        assertThat(deployment.holder(KEY)).isEqualTo("other");
        successor.close();
        assertThat(deployment.takeWarnings()).singleElement().asString().contains("TAKEN");
    }

    // ---- formatted keys

    @Test
    void formattedKeysAreTheSameWhateverTheDefaultLocale() {
        Locale before = Locale.getDefault();
        try {
            for (Locale locale :
                    List.of(Locale.forLanguageTag("tr-TR"), Locale.forLanguageTag("ar-EG-u-nu-arab"), Locale.GERMANY)) {
                Locale.setDefault(locale);
                assertThat(adapter.acquiref("%S:%d:%.1f:%,d", "title", 1234567, 0.5, 10_000))
                        .isTrue();
                assertThat(deployment.server.contents().heldKeys())
                        .as("in %s", locale)
                        .containsExactly("TITLE:1234567:0.5:10,000");
                assertThat(adapter.releasef("%S:%d:%.1f:%,d", "title", 1234567, 0.5, 10_000))
                        .isTrue();
            }
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void aFormattedKeyThatAnotherHoldsIsNeitherAcquiredNorReleased() {
        Lease held = other.acquire("tenant:7");
        MutexAdapter impatient = new MutexAdapter(app.mutex().with(o -> o.waitTime(Duration.ZERO)), logger);
        assertThat(impatient.acquiref("tenant:%d", 7)).isFalse();
        assertThat(impatient.releasef("tenant:%d", 7)).isFalse();
        assertThat(held.release()).isTrue();
    }

    @Test
    void aFormatWithoutPlaceholdersIsAKey() {
        assertThat(adapter.acquiref("100%%")).isTrue();
        assertThat(deployment.server.contents().heldKeys()).containsExactly("100%");
        assertThat(adapter.release("100%")).isTrue();
    }

    @Test
    void aKeyIsNotTakenForAFormat() {
        assertThat(adapter.acquire("100%d")).isTrue();
        assertThat(deployment.server.contents().heldKeys()).containsExactly("100%d");
        assertThat(adapter.release("100%d")).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"%s:%s", "%2$s", "%d", "%q", "%", "%-s", "%.2d"})
    void aFormatThatDoesNotFitItsArgumentsIsRefusedAndNothingIsLocked(String format) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adapter.acquiref(format, "one"))
                .withMessageStartingWith("the format '" + format + "' does not fit its 1 arguments: ")
                .withCauseInstanceOf(IllegalFormatException.class);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adapter.releasef(format, "one"))
                .withMessageStartingWith("the format '" + format + "' does not fit its 1 arguments: ");
        assertThat(app.store().counts()).isEmpty();
        assertThat(lines()).isEmpty();
    }

    @Test
    void aMissingFormatIsRefused() {
        assertThatNullPointerException()
                .isThrownBy(() -> adapter.acquiref(null, "one"))
                .withMessage("format");
        assertThatNullPointerException()
                .isThrownBy(() -> adapter.releasef(null, "one"))
                .withMessage("format");
    }

    @Test
    void aFormattedKeyThatIsNoKeyIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adapter.acquiref("%s", ""))
                .withMessage("key must not be empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adapter.acquiref("%513s", ""))
                .withMessageStartingWith("key must have at most 512 characters, but has 513");
        assertThat(app.store().counts()).isEmpty();
    }

    // ---- bad input

    @Test
    void aKeyThatIsNoneIsRefusedByEveryMethod() {
        assertThatNullPointerException().isThrownBy(() -> adapter.acquire(null)).withMessage("key");
        assertThatNullPointerException()
                .isThrownBy(() -> adapter.acquire(null, Duration.ZERO))
                .withMessage("key");
        assertThatNullPointerException().isThrownBy(() -> adapter.release(null)).withMessage("key");
        for (String bad : List.of("", "k".repeat(513), "\uD83D")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> adapter.acquire(bad))
                    .withMessageStartingWith("key ");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> adapter.acquire(bad, Duration.ZERO))
                    .withMessageStartingWith("key ");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> adapter.release(bad))
                    .withMessageStartingWith("key ");
        }
        assertThat(app.store().counts()).isEmpty();
        assertThat(lines()).isEmpty();
    }

    @Test
    void aTimeoutThatCannotBeHonouredIsRefusedAlsoForAKeyThatTheThreadHolds() {
        adapter.acquire(KEY);
        for (Duration bad : List.of(
                Duration.ofMillis(-1),
                Duration.ofDays(366),
                Duration.ofSeconds(Long.MIN_VALUE),
                Duration.ofSeconds(Long.MAX_VALUE))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> adapter.acquire(KEY, bad))
                    .withMessageStartingWith("waitTime must be ");
        }
        assertThatNullPointerException()
                .isThrownBy(() -> adapter.acquire(KEY, null))
                .withMessage("timeout");
        assertThat(adapter.release(KEY)).isTrue();
        assertThat(deployment.holder(KEY)).isEqualTo("nobody");
    }

    @Test
    void aTimeoutIsKeptExactly() {
        Lease held = other.acquire(KEY);
        Worker<Boolean> waiting = Worker.startAndBlock(() -> adapter.acquire(KEY, Duration.ofMillis(300)));
        deployment.awaitWaiters(KEY, 1);
        deployment.advanceWaiter(Duration.ofMillis(300).minusNanos(1));
        assertThat(waiting.isDone()).isFalse();
        deployment.time.advance(Duration.ofNanos(1));
        assertThat(waiting.result()).isFalse();
        held.close();
    }

    @Test
    void theTimeoutChangesNothingButTheWaitTime() {
        MutexAdapter brief = new MutexAdapter(
                app.mutex().with(o -> o.leaseTime(Duration.ofSeconds(3))), LoggerFactory.getLogger("unused"));
        assertThat(brief.acquire(KEY, Duration.ofMillis(1))).isTrue();
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofSeconds(3));
        assertThat(brief.release(KEY)).isTrue();
        assertThat(LockOptions.defaults()).isEqualTo(app.mutex().options());
    }

    @Test
    void aKeyWithControlCharactersStaysOnOneLineOfTheLog() {
        String key = "a\r\nERROR forged";
        adapter.acquire(key);
        adapter.acquire(key);
        adapter.release(key);
        adapter.release(key);
        adapter.release(key);
        assertThat(lines())
                .hasSize(4)
                .allSatisfy(line -> assertThat(line)
                        .contains("'a\\u000D\\u000AERROR forged'")
                        .doesNotContain("\n"));
    }

    @Test
    void whatItIsMadeOfMustBeThere() {
        assertThatNullPointerException()
                .isThrownBy(() -> new MutexAdapter(null, logger))
                .withMessage("mutex");
        assertThatNullPointerException()
                .isThrownBy(() -> new MutexAdapter(app.mutex(), null))
                .withMessage("log");
    }

    private List<String> lines() {
        return log.list.stream()
                .map(event -> event.getLevel() + " " + event.getFormattedMessage())
                .toList();
    }

    private static ThreadHolds.Hold hold(MutexAdapter adapter) throws ReflectiveOperationException {
        return holds(adapter).get(KEY);
    }

    /** The entries themselves: that nothing piles up cannot be seen from outside. */
    private static ThreadHolds holds(MutexAdapter adapter) throws ReflectiveOperationException {
        Field field = MutexAdapter.class.getDeclaredField("holds");
        field.setAccessible(true);
        return (ThreadHolds) field.get(adapter);
    }
}
