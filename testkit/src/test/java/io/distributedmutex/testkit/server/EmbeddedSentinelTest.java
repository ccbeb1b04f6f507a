package io.distributedmutex.testkit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A primary, replicas and Sentinels: up, failing over, partitioned, gone. */
@Tag("slow")
@Timeout(90)
final class EmbeddedSentinelTest {

    private static final Duration DOWN_AFTER = Duration.ofSeconds(2);

    @Test
    void startsCompleteAndLeavesNothing() {
        EmbeddedSentinel redis = EmbeddedRedis.sentinel(2, 3)
                .password("data pässword")
                .sentinelPassword("watch")
                .downAfter(Duration.ofSeconds(30))
                .start();
        List<EmbeddedRedis> all = Stream.concat(redis.servers().stream(), redis.sentinels().stream())
                .toList();
        try (redis) {
            EmbeddedRedis primary = redis.primary();

            assertThat(primary).isSameAs(redis.servers().get(0));
            assertThat(redis.replicas()).hasSize(2).doesNotContain(primary);
            assertThat(redis.uri())
                    .startsWith("redis-sentinel://:data%20p%C3%A4ssword@127.0.0.1:")
                    .endsWith("?sentinelPassword=watch#" + redis.name());
            assertThat(redis.sentinels())
                    .allSatisfy(sentinel -> assertThat(sentinel.command("SENTINEL", "CKQUORUM", redis.name()))
                            .asString()
                            .startsWith("OK 3 usable Sentinels"));
            primary.command("SET", "k", "v");
            redis.awaitReplicated();
            assertThat(redis.replicas()).allMatch(replica -> "v".equals(replica.command("GET", "k")));
        }

        assertThat(all)
                .noneMatch(EmbeddedRedis::isAlive)
                .extracting(EmbeddedRedis::folder)
                .noneMatch(folder -> folder.toFile().exists());
        redis.close();
    }

    @Test
    void failsOverByPlanAndByKill() {
        try (EmbeddedSentinel redis =
                EmbeddedRedis.sentinel(2, 3).downAfter(DOWN_AFTER).start()) {
            EmbeddedRedis first = redis.primary();
            first.command("SET", "k", "v");
            redis.awaitReplicated();

            EmbeddedRedis second = redis.failOver();

            assertThat(second).isNotSameAs(first);
            assertThat(redis.primary()).isSameAs(second);
            assertThat(second.command("GET", "k")).isEqualTo("v");
            assertThat(first.command("ROLE")).asString().startsWith("[master");

            EmbeddedRedis third = redis.killPrimary();

            // It may be the first again: the Sentinels make that a replica 10 s after the failover.
            assertThat(third).isNotSameAs(second);
            assertThat(third.command("SET", "k", "w")).isEqualTo("OK");
        }
    }

    @Test
    void partitionsAServerOfTheOthers() {
        try (EmbeddedSentinel redis =
                EmbeddedRedis.sentinel(1, 1).downAfter(DOWN_AFTER).proxied(true).start()) {
            EmbeddedRedis before = redis.primary();
            assertThat(redis.port(before)).isNotEqualTo(before.port());

            redis.partition(before, Direction.TO_CLIENT);

            assertThat(redis.awaitPrimaryOtherThan(before))
                    .isSameAs(redis.servers().get(1));
            assertThat(before.command("ROLE")).asString().startsWith("[master");
            redis.heal();
            assertThat(redis.proxy(before).connections()).isNotNegative();
        }
    }

    @Test
    void saysWhatItCannotDo() {
        assertThatThrownBy(() -> EmbeddedRedis.sentinel(0, 1)).hasMessage("replicas must be 1 to 20, not 0");
        assertThatThrownBy(() -> EmbeddedRedis.sentinel(1, 21)).hasMessage("sentinels must be 1 to 20, not 21");
        EmbeddedSentinelBuilder builder = EmbeddedRedis.sentinel(1, 1);
        assertThatThrownBy(() -> builder.downAfter(Duration.ofMillis(99)))
                .hasMessage("downAfter must be 100 ms to 600000 ms, not 99 ms");
        assertThatThrownBy(() -> builder.password("")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.config("port", "1")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> builder.executable(Path.of("/nonexistent")).start())
                .isInstanceOf(EmbeddedRedisException.class);
        try (EmbeddedSentinel redis = EmbeddedRedis.sentinel(1, 1).start();
                EmbeddedRedis other = EmbeddedRedis.start()) {
            assertThatThrownBy(() -> redis.partition(redis.primary()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has no proxy");
            assertThatThrownBy(() -> redis.port(other)).hasMessageContaining("is none of");
        }
    }
}
