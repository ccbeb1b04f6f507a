package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.RedisClient;
import org.junit.jupiter.api.Test;

/** The profile {@code deep} runs this with other versions of Lettuce, which it names in the property lettuce.expected. */
class LettuceVersionTest {

    @Test
    void theOneOnTheClassPathIsTheOneThatIsMeantAndWorksOrIsRefusedAsTooOld() {
        String version = RedisClient.class.getPackage().getImplementationVersion();
        assertThat(version).startsWith(System.getProperty("lettuce.expected", ""));
        if (version.startsWith("6.5.")) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> RedisMutex.connect("redis://127.0.0.1:1"))
                    .withMessageContaining("Lettuce 6.5 is on the class path, but 6.6 or later is needed");
            return;
        }
        try (EmbeddedRedis redis = EmbeddedRedis.start();
                DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
            assertThat(mutex.acquire("k").release()).isTrue();
        }
    }
}
