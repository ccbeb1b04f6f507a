package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.test.annotation.DirtiesContext.HierarchyMode;
import org.springframework.test.context.TestContextManager;

/** Tests of an application, whose contexts Spring keeps, pauses between test classes and restarts. */
@WithRedis
class TestContextTest {

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {

        @Bean
        Pauseable pauseable() {
            return new Pauseable();
        }
    }

    /** Shows that the context was paused. */
    static final class Pauseable implements SmartLifecycle {

        private volatile boolean running;
        private volatile int stops;

        @Override
        public void start() {
            running = true;
        }

        @Override
        public void stop() {
            running = false;
            stops++;
        }

        @Override
        public boolean isRunning() {
            return running;
        }
    }

    // Named so that Maven takes neither for a test of ours.
    @SpringBootTest(
            classes = Application.class,
            webEnvironment = WebEnvironment.NONE,
            properties = {
                "distributed-mutex.holder-label=one",
                "spring.main.banner-mode=off",
                "distributed-mutex.redis.command-timeout=30s"
            })
    static class One {}

    @SpringBootTest(
            classes = Application.class,
            webEnvironment = WebEnvironment.NONE,
            properties = {
                "distributed-mutex.holder-label=two",
                "spring.main.banner-mode=off",
                "distributed-mutex.redis.command-timeout=30s"
            })
    static class Two {}

    private TestContextManager one;
    private TestContextManager two;

    @AfterEach
    void end() {
        for (TestContextManager manager : new TestContextManager[] {one, two}) {
            if (manager != null) {
                manager.getTestContext().markApplicationContextDirty(HierarchyMode.EXHAUSTIVE);
            }
        }
        System.clearProperty("distributed-mutex.redis.uri");
    }

    @Test
    void aContextThatWasPausedForAnotherLocksWhenItIsUsedAgain(EmbeddedRedis redis) throws Exception {
        System.setProperty("distributed-mutex.redis.uri", redis.uri());
        one = new TestContextManager(One.class);
        two = new TestContextManager(Two.class);

        DistributedMutex first = use(one);
        first.acquire("k").close();
        one.afterTestClass();
        use(two).acquire("k").close();
        Pauseable pauseable = one.getTestContext().getApplicationContext().getBean(Pauseable.class);
        assertThat(pauseable.stops).isEqualTo(1);
        two.afterTestClass();

        DistributedMutex again = use(one);
        assertThat(again).isSameAs(first);
        again.acquire("k").close();
        one.afterTestClass();
    }

    private static DistributedMutex use(TestContextManager manager) throws Exception {
        manager.beforeTestClass();
        return manager.getTestContext().getApplicationContext().getBean(DistributedMutex.class);
    }
}
