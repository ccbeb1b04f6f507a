package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What cannot be done is refused with the reason, before the store is asked, and nothing is left of it. */
class BadInputTest {

    private static final String KEY = "tenant:1";

    private final Deployment deployment = Deployment.onManualTime();
    private final Instance app = deployment.instance("app");
    private final DistributedMutex mutex = app.mutex();

    @AfterEach
    void nothingIsLeft() {
        deployment.close();
    }

    static Stream<Arguments> methodsThatTakeAKey() {
        return Stream.of(
                method("acquire", DistributedMutex::acquire),
                method("tryAcquire", DistributedMutex::tryAcquire),
                method("acquireAsync", DistributedMutex::acquireAsync),
                method("run", (mutex, key) -> mutex.run(key, lease -> {})),
                method("call", (mutex, key) -> mutex.call(key, lease -> 1)),
                method("asLock", DistributedMutex::asLock),
                method("inspect", DistributedMutex::inspect),
                method("forceRelease", DistributedMutex::forceRelease));
    }

    private static Arguments method(String name, BiConsumer<DistributedMutex, String> method) {
        return Arguments.of(name, method);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("methodsThatTakeAKey")
    void aKeyThatIsNoneIsRefused(String name, BiConsumer<DistributedMutex, String> method) {
        assertThatNullPointerException()
                .isThrownBy(() -> method.accept(mutex, null))
                .withMessage("key");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> method.accept(mutex, ""))
                .withMessage("key must not be empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> method.accept(mutex, "k".repeat(513)))
                .withMessageStartingWith("key must have at most 512 characters, but has 513");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> method.accept(mutex, "a\uDD12"))
                .withMessage("key is not well-formed Unicode: unpaired surrogate \\uDD12 at index 1");
        assertThat(app.store().counts()).isEmpty();
    }

    @Test
    void aLeaseTimeThatCannotBeHonouredIsRefusedByExtendAndEnsure() {
        Lease lease = mutex.acquire(KEY);
        app.store().resetCounts();
        for (Duration bad : List.of(
                Duration.ZERO,
                Duration.ofMillis(-1),
                Duration.ofMillis(9),
                Duration.ofMillis(10).minusNanos(1),
                Duration.ofDays(365).plusNanos(1),
                Duration.ofDays(365).plusMillis(1),
                Duration.ofSeconds(Long.MAX_VALUE),
                Duration.ofSeconds(Long.MIN_VALUE))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> lease.extend(bad))
                    .withMessageStartingWith("extend must be ");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> lease.ensure(bad))
                    .withMessageStartingWith("ensure must be ");
        }
        assertThatNullPointerException().isThrownBy(() -> lease.extend(null)).withMessage("extend");
        assertThatNullPointerException().isThrownBy(() -> lease.ensure(null)).withMessage("ensure");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> lease.extend(Duration.ofMillis(9)))
                .withMessage("extend must be from 10 ms to 365 days, but is 9 ms");
        assertThat(app.store().counts()).isEmpty();
        assertThat(lease.isValid()).isTrue();
        lease.close();
    }

    @Test
    void theBoundsOfExtendAreAllowed() {
        Lease lease = mutex.acquire(KEY);
        lease.extend(Duration.ofDays(365));
        assertThat(deployment.remaining(KEY)).isEqualTo(Duration.ofDays(365));
        lease.ensure(Duration.ofDays(365));
        lease.extend(Duration.ofMillis(10));
        lease.close();
    }

    @Test
    void optionsThatContradictEachOtherAreRefusedWhenAViewIsMade() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        mutex.with(o -> o.leaseTime(Duration.ofMillis(200)).autoRenew(Duration.ofHours(1))))
                .withMessageContaining("300 ms")
                .withMessageContaining("200 ms");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> mutex.with(o -> o.minimumHold(Duration.ofMinutes(2))))
                .withMessageContaining("120000 ms")
                .withMessageContaining("60000 ms");
    }

    @Test
    void aMissingListenerOfALeaseIsRefused() {
        try (Lease lease = mutex.acquire(KEY)) {
            assertThatNullPointerException()
                    .isThrownBy(() -> lease.onLost(null))
                    .withMessage("listener");
        }
    }

    @Test
    void whatAnInstanceIsBuiltOfIsCheckedAsItIsGiven() {
        assertThatNullPointerException()
                .isThrownBy(() -> DistributedMutex.builder((LockStore) null))
                .withMessage("store");
        DistributedMutex.Builder builder = DistributedMutex.builder(new InMemoryLockStore());
        assertThatNullPointerException().isThrownBy(() -> builder.options(null)).withMessage("options");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.environment(null))
                .withMessage("environment");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.holderLabel(null))
                .withMessage("holderLabel");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.holderLabel(""))
                .withMessage("holderLabel must not be empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.holderLabel("h".repeat(129)))
                .withMessageStartingWith("holderLabel must have at most 128 characters, but has 129");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.holderLabel("\uD83D"))
                .withMessageContaining("unpaired surrogate");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.application(null))
                .withMessage("application");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.application(""))
                .withMessage("application must not be empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.application("a\uDD12"))
                .withMessageContaining("unpaired surrogate");
    }

    @Test
    void aLabelMayHave128CharactersAndIsShownAsGiven() {
        String label = "h|{}\n".repeat(25) + "abc";
        Lease lease = deployment.instance(label).mutex().acquire(KEY);
        assertThat(mutex.inspect(KEY).orElseThrow().holder()).contains(label);
        lease.close();
    }

    @Test
    void aKeyThatHoldsSomethingElseIsAClearErrorAndIsLeftAlone() {
        deployment.server.putWrongType(KEY);
        for (BiConsumer<DistributedMutex, String> method : List.<BiConsumer<DistributedMutex, String>>of(
                DistributedMutex::acquire,
                DistributedMutex::tryAcquire,
                DistributedMutex::inspect,
                DistributedMutex::forceRelease)) {
            assertThatExceptionOfType(StoreRefusedException.class)
                    .isThrownBy(() -> method.accept(mutex, KEY))
                    .withMessageStartingWith("'tenant:1' not ")
                    .withMessageContaining("holds something that is not a lock")
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.WRONG_TYPE));
        }
        assertThat(deployment.server.delete(KEY)).as("it is there still").isTrue();
    }
}
