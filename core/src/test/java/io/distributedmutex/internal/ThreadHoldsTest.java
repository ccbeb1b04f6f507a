package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LossReason;
import java.lang.ref.WeakReference;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which keys each thread holds, and how often it entered. */
class ThreadHoldsTest {

    private final ThreadHolds forgetting = new ThreadHolds(true);
    private final ThreadHolds remembering = new ThreadHolds(false);
    private final FakeLease lease = new FakeLease();

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aThreadFindsWhatItHoldsUntilItRemovesIt(boolean forgetsLost) {
        ThreadHolds holds = new ThreadHolds(forgetsLost);
        assertThat(holds.get("a")).isNull();
        holds.put("a", lease);
        assertThat(holds.get("a").lease()).isSameAs(lease);
        assertThat(holds.get("b")).isNull();
        holds.remove("a");
        assertThat(holds.get("a")).isNull();
        holds.remove("a");
    }

    @Test
    void aHoldIsOverWhenItWasLeftAsOftenAsItWasEntered() {
        remembering.put("a", lease);
        ThreadHolds.Hold hold = remembering.get("a");
        hold.enter();
        hold.enter();
        assertThat(hold.leave()).isFalse();
        assertThat(hold.leave()).isFalse();
        assertThat(hold.leave()).isTrue();
    }

    @Test
    void theHoldsOfAKeyAreCountedApartFromThoseOfAnother() {
        remembering.put("a", lease);
        remembering.put("b", new FakeLease());
        remembering.get("a").enter();
        assertThat(remembering.get("b").leave()).isTrue();
        assertThat(remembering.get("a").leave()).isFalse();
    }

    @Test
    void noThreadSeesTheHoldsOfAnother() throws Exception {
        FakeLease other = new FakeLease();
        remembering.put("a", lease);
        Lease seen = inAnotherThread(() -> {
            assertThat(remembering.get("a")).isNull();
            remembering.put("a", other);
            Lease mine = remembering.get("a").lease();
            remembering.remove("a");
            return mine;
        });
        assertThat(seen).isSameAs(other);
        assertThat(remembering.get("a").lease()).isSameAs(lease);
    }

    @Test
    void twoSetsOfHoldsAreApart() {
        remembering.put("a", lease);
        assertThat(new ThreadHolds(false).get("a")).isNull();
    }

    @Test
    void aLostHoldDisappearsWhicheverThreadNoticesTheLoss() throws Exception {
        FakeLease kept = new FakeLease();
        forgetting.put("a", lease);
        forgetting.put("b", kept);
        inAnotherThread(() -> {
            lease.lose();
            return lease;
        });
        assertThat(forgetting.get("a")).isNull();
        assertThat(forgetting.get("b").lease()).isSameAs(kept);
    }

    @Test
    void theLossOfAnEarlierLeaseDoesNotEndALaterHoldOfTheSameKey() {
        FakeLease second = new FakeLease();
        forgetting.put("a", lease);
        forgetting.put("a", second);
        lease.lose();
        assertThat(forgetting.get("a").lease()).isSameAs(second);
        second.lose();
        assertThat(forgetting.get("a")).isNull();
    }

    @Test
    void aLossNoticedAfterTheHoldWasRemovedDoesNotEndALaterHold() {
        FakeLease second = new FakeLease();
        forgetting.put("a", lease);
        forgetting.remove("a");
        forgetting.put("a", second);
        lease.lose();
        assertThat(forgetting.get("a").lease()).isSameAs(second);
    }

    @Test
    void aLostHoldThatIsToBeToldStays() {
        remembering.put("a", lease);
        lease.lose();
        assertThat(remembering.get("a").lease()).isSameAs(lease);
    }

    @Test
    void nothingIsKeptForAThreadThatHoldsNothing() throws Exception {
        Map<?, ?> kept = kept(forgetting);
        forgetting.get("a");
        assertThat(kept).isEmpty();

        forgetting.put("a", lease);
        forgetting.put("b", lease);
        forgetting.remove("b");
        assertThat(kept).hasSize(1);
        forgetting.remove("a");
        assertThat(kept).isEmpty();

        forgetting.put("a", lease);
        lease.lose();
        forgetting.get("a");
        assertThat(kept).isEmpty();
    }

    @Test
    void threadsThatHaveEndedAreForgotten() throws Exception {
        remembering.put("a", lease);
        for (int i = 0; i < 3 * ThreadHolds.UNNOTICED; i++) {
            Thread ending = new Thread(() -> remembering.put("a", lease));
            ending.start();
            ending.join();
        }
        assertThat(kept(remembering)).hasSizeLessThanOrEqualTo(ThreadHolds.UNNOTICED);
        assertThat(remembering.get("a").lease()).isSameAs(lease);
    }

    @Test
    void aThreadThatLivesOnDoesNotKeepWhatItHasNotUnlocked() {
        WeakReference<Lease> left = leftLocked();
        awaitGarbageCollected(() -> left.get() == null);
    }

    private static WeakReference<Lease> leftLocked() {
        Lease left = new FakeLease();
        new ThreadHolds(false).put("a", left);
        return new WeakReference<>(left);
    }

    private static void awaitGarbageCollected(BooleanSupplier done) {
        long start = System.nanoTime();
        while (!done.getAsBoolean()) {
            assertThat(System.nanoTime() - start).as("ns until collected").isLessThan(20_000_000_000L);
            System.gc();
        }
    }

    private static Map<?, ?> kept(ThreadHolds holds) throws ReflectiveOperationException {
        Field field = ThreadHolds.class.getDeclaredField("holds");
        field.setAccessible(true);
        return (Map<?, ?>) field.get(holds);
    }

    private static <T> T inAnotherThread(Callable<T> action) throws Exception {
        FutureTask<T> task = new FutureTask<>(action);
        new Thread(task).start();
        return task.get();
    }

    /** A lease that can do nothing but be lost. */
    private static final class FakeLease implements Lease {
        private final List<Consumer<? super Lease>> listeners = new ArrayList<>();

        void lose() {
            listeners.forEach(listener -> listener.accept(this));
            listeners.clear();
        }

        @Override
        public void onLost(Consumer<? super Lease> listener) {
            listeners.add(listener);
        }

        @Override
        public String key() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long fencingToken() {
            throw new UnsupportedOperationException();
        }

        @Override
        public LeaseState state() {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean isValid() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Duration remaining() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Optional<LossReason> lossReason() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void extend(Duration leaseTime) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void ensure(Duration leaseTime) {
            throw new UnsupportedOperationException();
        }

        @Override
        public CompletableFuture<LossReason> lost() {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean release() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
            throw new UnsupportedOperationException();
        }
    }
}
