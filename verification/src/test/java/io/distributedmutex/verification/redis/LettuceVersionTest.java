package io.distributedmutex.verification.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.EmbeddedRedis;
import io.lettuce.core.RedisClient;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** The profile {@code deep} runs this with other versions of Lettuce, which it names in a property. */
class LettuceVersionTest {

    private static final String EXPECTED = "lettuce.expected";
    private static final String TOO_OLD = "6[.]5[.].*";

    @Test
    @EnabledIfSystemProperty(named = EXPECTED, matches = ".*")
    void theOneThatIsMeantIsOnTheClassPath() {
        assertThat(RedisClient.class.getPackage().getImplementationVersion())
                .startsWith(System.getProperty(EXPECTED) + ".RELEASE");
    }

    @Test
    @DisabledIfSystemProperty(named = EXPECTED, matches = TOO_OLD)
    void oneThatIsNewEnoughWorks() {
        try (EmbeddedRedis redis = EmbeddedRedis.start();
                DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
            assertThat(mutex.acquire("k").release()).isTrue();
        }
    }

    @Test
    @EnabledIfSystemProperty(named = EXPECTED, matches = TOO_OLD)
    void oneThatIsTooOldIsRefused() {
        assertThatIllegalStateException()
                .isThrownBy(() -> RedisMutex.connect("redis://127.0.0.1:1"))
                .withMessageContaining("Lettuce 6.5 is on the class path, but 6.6 or later is needed");
    }
}
