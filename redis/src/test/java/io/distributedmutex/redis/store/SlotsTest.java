package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.AcquireReply.Refused;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A node of a cluster refuses scripts whose keys are not all in one slot, by its own count. */
class SlotsTest {

    @ParameterizedTest
    @MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
    void allKeysOfALockStandInOneSlot(RedisExecutable executable) {
        try (EmbeddedRedis node = EmbeddedRedis.builder()
                .executable(executable.path())
                .config("cluster-enabled", "yes")
                .start()) {
            node.command(Stream.concat(
                            Stream.of("CLUSTER", "ADDSLOTS"),
                            IntStream.range(0, 16_384).mapToObj(Integer::toString))
                    .toArray(String[]::new));
            Await.until(
                    "the cluster is up", () -> ((String) node.command("CLUSTER", "INFO")).contains("cluster_state:ok"));
            try (StartedStore holder = StartedStore.on(node);
                    StartedStore waiter = StartedStore.on(node)) {
                Stream.concat(fixedKeys(), randomKeys()).forEach(key -> {
                    String token = newToken();
                    String next = newToken();
                    assertThat(get(holder.tryAcquire(key, token))).isInstanceOf(Granted.class);
                    assertThat(get(waiter.queue(key, next))).isInstanceOf(Refused.class);
                    assertThat(get(holder.store().release(key, token, 0))).isEqualTo(Ownership.HELD);
                    assertThat(waiter.nextGrant())
                            .extracting(StartedStore.Grant::key)
                            .isEqualTo(key);
                    assertThat(get(waiter.store().release(key, next, 0))).isEqualTo(Ownership.HELD);
                });
            }
        }
    }

    private static Stream<String> fixedKeys() {
        return List.of(
                "a",
                "{a}b",
                "b{a}c{d}",
                "{}",
                "{}{a}",
                "{{a}}",
                "}{",
                "{a",
                "a}",
                "ü{ö}ä",
                "{🔑}",
                " \r\n\u0001|",
                "{|}")
                .stream();
    }

    private static Stream<String> randomKeys() {
        Random random = new Random(7);
        return Stream.generate(() -> random.ints(1 + random.nextInt(12), 0, 6)
                        .mapToObj(i -> List.of("{", "}", "a", "b", "é", "|").get(i))
                        .reduce("", String::concat))
                .limit(300);
    }
}
