package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;
import org.slf4j.LoggerFactory;

/** The oracle fails a test for each thing that it may leave behind, and no other. */
class LeavesNothingTest {

    @Test
    void aTidyTestPasses() {
        assertThat(failure("tidy")).isEmpty();
    }

    @Test
    void aKeyAChannelAndThreadsAreFound() {
        try {
            assertThat(failure("leavesEverything"))
                    .contains("key lock:left")
                    .contains("channel dmutex:grants:")
                    .contains("thread dmutex-timer-")
                    .contains("thread dmutex-redis-");
        } finally {
            if (Untidy.left != null) {
                Untidy.left.close();
            }
        }
    }

    @Test
    void aTimerAndAnEntryInMemoryAreFound() {
        assertThat(failure("leavesATimer")).contains("1 timers in time");
        assertThat(failure("leavesAKeyInMemory")).contains("in store").contains("left");
    }

    @Test
    void aWarningIsFoundUnlessItIsExpected() {
        assertThat(failure("warns")).contains("unexpected warning: WARN a surprise");
        assertThat(failure("warnsAsExpected")).isEmpty();
    }

    private static String failure(String method) {
        return EngineTestKit.engine("junit-jupiter")
                .selectors(selectMethod(Untidy.class, method))
                .execute()
                .testEvents()
                .assertStatistics(statistics -> statistics.started(1))
                .failed()
                .stream()
                .map(Event::toString)
                .reduce("", String::concat);
    }

    /** Not run by itself: its name does not end in Test, and it is no class that Surefire includes. */
    @WithRedis
    @LeavesNothing
    static class Untidy {
        static DistributedMutex left;

        final ManualTime time = ManualTime.create();
        final InMemoryLockStore store = new InMemoryLockStore(time);
        final EmbeddedRedis redis;

        Untidy(EmbeddedRedis redis) {
            this.redis = redis;
        }

        @Test
        void tidy() {
            try (DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
                mutex.acquire("k").close();
            }
        }

        @Test
        void leavesEverything() {
            left = RedisMutex.connect(redis.uri());
            assertThat(left.acquire("left").isValid()).isTrue();
        }

        @Test
        void leavesATimer() {
            time.runAfter(() -> {}, 1);
        }

        @Test
        void leavesAKeyInMemory() {
            store.putForeign("left", null);
        }

        @Test
        void warns() {
            LoggerFactory.getLogger("io.distributedmutex").warn("a surprise");
        }

        @Test
        @LeavesNothing(warnings = "surp")
        void warnsAsExpected() {
            LoggerFactory.getLogger("io.distributedmutex").warn("a surprise");
        }
    }
}
