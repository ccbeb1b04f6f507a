package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LossReason;
import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.stereotype.Component;

class OnLeaseLostTest {

    @Component
    static class Work {
        @DistributedLock(name = "k", leaseTime = "60ms")
        String runsOnAfterItsEnd(Callable<String> body) throws Exception {
            return body.call();
        }

        @DistributedLock(name = "k")
        String runsOn(Callable<String> body) throws Exception {
            return body.call();
        }

        @DistributedLock(name = "k", onLost = OnLeaseLost.INTERRUPT)
        String isInterrupted(Callable<String> body) throws Exception {
            return body.call();
        }

        @DistributedLock(name = "k", onLost = OnLeaseLost.INTERRUPT)
        void isNotInterrupted(Runnable body) {
            body.run();
        }
    }

    @Test
    void aMethodThatEndsNormallyAfterTheLossThrows() {
        try (Application application = Application.of(Work.class)) {
            assertThatThrownBy(() -> application.get(Work.class).runsOnAfterItsEnd(() -> {
                        application.awaitLoss("k");
                        return "too late";
                    }))
                    .isInstanceOfSatisfying(
                            LeaseLostException.class,
                            e -> assertThat(e.reason()).contains(LossReason.EXPIRED))
                    .hasMessageContaining("'k' was lost while")
                    .hasMessageContaining("Work.runsOnAfterItsEnd(Callable) ran");
        }
    }

    @Test
    void whatAMethodThrowsAfterTheLossPasses() {
        try (Application application = Application.of(Work.class)) {
            assertThatThrownBy(() -> application.get(Work.class).runsOn(() -> {
                        application.loseAll();
                        throw new IOException("disk");
                    }))
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void aMethodIsInterruptedAtTheLossAndItsCallerSeesTheLoss() {
        try (Application application = Application.of(Work.class)) {
            assertThatThrownBy(() -> application.get(Work.class).isInterrupted(() -> {
                        new Thread(application::loseAll).start();
                        new CountDownLatch(1).await(1, TimeUnit.MINUTES);
                        return "never";
                    }))
                    .isInstanceOf(LeaseLostException.class)
                    .hasCauseInstanceOf(InterruptedException.class);
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
    }

    @Test
    void aMethodThatTakesNoNoticeOfTheInterruptLeavesNoFlagBehind() {
        try (Application application = Application.of(Work.class)) {
            assertThatThrownBy(() -> application.get(Work.class).isInterrupted(() -> {
                        new Thread(application::loseAll).start();
                        Await.until(
                                "it is interrupted",
                                () -> Thread.currentThread().isInterrupted());
                        return "too late";
                    }))
                    .isInstanceOf(LeaseLostException.class);
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
    }

    @Test
    void aThreadIsNotInterruptedAfterItsMethodHasEnded() {
        try (Application application = Application.of(Work.class)) {
            Work work = application.get(Work.class);
            assertThatThrownBy(() -> work.runsOn(() -> {
                        work.isNotInterrupted(() -> {});
                        application.loseAll();
                        assertThat(Thread.currentThread().isInterrupted()).isFalse();
                        return "too late";
                    }))
                    .isInstanceOf(LeaseLostException.class);
        }
    }

    @Test
    void aForeignInterruptIsLeftAlone() {
        try (Application application = Application.of(Work.class)) {
            application
                    .get(Work.class)
                    .isNotInterrupted(() -> Thread.currentThread().interrupt());
            assertThat(Thread.interrupted()).isTrue();
        }
    }
}
