package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.autoconfigure.context.LifecycleAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

class ShutdownTest {

    private final InMemoryLockStore store = new InMemoryLockStore();
    private final DistributedMutex other =
            DistributedMutex.builder(store.sibling()).build();

    private ConfigurableApplicationContext start(String... properties) {
        SpringApplication application = new SpringApplication(Application.class);
        application.setWebApplicationType(WebApplicationType.NONE);
        application.setRegisterShutdownHook(false);
        application.setBannerMode(Banner.Mode.OFF);
        application.addInitializers(context -> {
            context.getBeanFactory().registerSingleton("store", store);
        });
        String[] arguments = new String[properties.length];
        for (int i = 0; i < properties.length; i++) {
            arguments[i] = "--" + properties[i];
        }
        return application.run(arguments);
    }

    @Configuration(proxyBeanMethods = false)
    @ImportAutoConfiguration({LifecycleAutoConfiguration.class, DistributedMutexAutoConfiguration.class})
    static class Application {

        @Bean
        DistributedMutex mutex(InMemoryLockStore store) {
            return DistributedMutex.builder(store).build();
        }

        @Bean
        @Lazy
        DistributedMutex neverUsed() {
            throw new AssertionError("made at the shutdown");
        }

        @Bean
        Phase listeners() {
            return new Phase(Integer.MAX_VALUE);
        }

        @Bean
        Phase webServer() {
            return new Phase(WebServerApplicationContext.START_STOP_LIFECYCLE_PHASE);
        }

        @Bean
        Phase connections() {
            return new Phase(0);
        }
    }

    /** Something that stops in its turn, and notes what it finds of the locks then. */
    private static final class Phase implements SmartLifecycle {

        private final int phase;
        private final List<Runnable> atStop = new CopyOnWriteArrayList<>();
        private volatile boolean running;

        Phase(int phase) {
            this.phase = phase;
        }

        @Override
        public int getPhase() {
            return phase;
        }

        @Override
        public void start() {
            running = true;
        }

        @Override
        public void stop() {
            atStop.forEach(Runnable::run);
            running = false;
        }

        @Override
        public boolean isRunning() {
            return running;
        }
    }

    private static DistributedMutex mutexOf(ConfigurableApplicationContext context) {
        return context.getBean("mutex", DistributedMutex.class);
    }

    @AfterEach
    void end() {
        other.close();
    }

    @Test
    void whatIsHeldMayEndAndNothingMoreIsAcquired() {
        ConfigurableApplicationContext context = start();
        DistributedMutex mutex = mutexOf(context);
        Lease lease = mutex.acquire("job");

        CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close, OwnThread.EACH);
        Await.until("nothing more is acquired", () -> isClosedFor(mutex));
        assertThat(closing).isNotDone();
        assertThat(lease.isValid()).isTrue();

        assertThat(lease.release()).isTrue();
        assertThat(closing).succeedsWithin(Await.BOUND);
        assertThat(other.tryAcquire("job")).isPresent();
    }

    @Test
    void theTimeOfAPhaseDoesNotCutThePatienceShort() {
        ConfigurableApplicationContext context = start("spring.lifecycle.timeout-per-shutdown-phase=1ms");
        DistributedMutex mutex = mutexOf(context);
        Lease lease = mutex.acquire("job");

        CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close, OwnThread.EACH);
        Await.until("it closes", () -> isClosedFor(mutex));
        Await.pass(Duration.ofMillis(50));

        assertThat(lease.release()).isTrue();
        assertThat(closing).succeedsWithin(Await.BOUND);
    }

    private static boolean isClosedFor(DistributedMutex mutex) {
        try {
            mutex.tryAcquire("another").ifPresent(Lease::close);
            return false;
        } catch (MutexClosedException e) {
            return true;
        }
    }

    @Test
    void whatIsHeldLongerThanThePatienceIsLostAndItsKeyIsFree() {
        ConfigurableApplicationContext context = start("distributed-mutex.shutdown-patience=50ms");
        Lease lease = mutexOf(context).acquire("job");

        context.close();

        assertThat(lease.lossReason()).contains(LossReason.CLOSED);
        assertThat(other.tryAcquire("job")).isPresent();
    }

    @Test
    void itComesAfterTheWebServerAndTheListenersAndBeforeConnectionsGo() {
        ConfigurableApplicationContext context = start();
        DistributedMutex mutex = mutexOf(context);
        List<String> found = new CopyOnWriteArrayList<>();
        for (String phase : List.of("listeners", "webServer", "connections")) {
            context.getBean(phase, Phase.class).atStop.add(() -> found.add(phase + " " + isClosedFor(mutex)));
        }

        context.close();

        assertThat(found).containsExactly("listeners false", "webServer false", "connections true");
    }

    @Test
    void aContextThatIsStoppedAndStartedAgainLocksAsBefore() {
        ConfigurableApplicationContext context = start();
        DistributedMutex mutex = mutexOf(context);
        Lease lease = mutex.acquire("job");

        context.stop();
        assertThat(lease.isValid()).isTrue();
        context.start();

        mutex.acquire("another").close();
        assertThat(lease.release()).isTrue();
        context.close();
        assertThat(isClosedFor(mutex)).isTrue();
    }

    @Test
    void aContextThatIsStoppedAndThenClosedStillWaitsForWhatIsHeld() {
        ConfigurableApplicationContext context = start();
        Lease lease = mutexOf(context).acquire("job");
        context.stop();

        CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close, OwnThread.EACH);
        Await.until("it closes", () -> isClosedFor(mutexOf(context)));
        assertThat(lease.release()).isTrue();
        assertThat(closing).succeedsWithin(Await.BOUND);
    }

    @Test
    void aContextThatIsPausedAndRestartedLocksAsBefore() {
        ConfigurableApplicationContext context = start();
        try {
            DistributedMutex mutex = mutexOf(context);
            try (Lease lease = mutex.acquire("job")) {
                context.pause();
                assertThat(lease.isValid()).isTrue();
                assertThat(context.getBean(MutexShutdown.class).isRunning()).isTrue();
                context.restart();
                mutex.acquire("another").close();
                assertThat(lease.isValid()).isTrue();
            }
        } finally {
            context.close();
        }
    }

    @Test
    void whoeverUsesItAfterwardsIsTold() {
        ConfigurableApplicationContext context = start();
        DistributedMutex mutex = mutexOf(context);
        context.close();

        assertThatThrownBy(() -> mutex.acquire("job")).isInstanceOf(MutexClosedException.class);
    }
}
