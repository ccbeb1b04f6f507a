package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

@WithRedis
class LazyStartTest {

    @Test
    void anApplicationStartsWithoutRedisAndLocksWhenItIsThere(EmbeddedRedis redis) {
        redis.kill();
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        DistributedMutexAutoConfiguration.class, MutexHealthAutoConfiguration.class))
                .withPropertyValues(
                        "distributed-mutex.redis.lazy=true",
                        "distributed-mutex.redis.command-timeout=30s",
                        "distributed-mutex.wait-time=0s",
                        "distributed-mutex.redis.uri=" + redis.uri())
                .run(context -> {
                    assertThat(context).hasNotFailed();
                    DistributedMutex mutex = context.getBean(DistributedMutex.class);
                    MutexHealthIndicator health = context.getBean(MutexHealthIndicator.class);

                    assertThatThrownBy(() -> mutex.acquire("k"))
                            .isInstanceOf(StoreUnreachableException.class)
                            .hasMessageContaining("127.0.0.1:" + redis.port());
                    assertThat(health.health().getStatus()).isEqualTo(Status.DOWN);

                    redis.restart();
                    mutex.acquire("k").close();
                    assertThat(health.health().getStatus()).isEqualTo(Status.UP);
                });
    }
}
