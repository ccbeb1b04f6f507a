package io.distributedmutex.redis.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.testing.Seeds;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.cluster.SlotHash;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The store in memory and the store in Redis through many random sequences of operations: their answers, pushes and contents
 * agree after every step. The sequences are always the same: {@code -Dequivalence.seed=N} replays one, {@code -Dseeds.from=N}
 * does others, {@code -Dequivalence.count=N} more.
 */
@Isolated("uses all cores")
@Timeout(value = 1, unit = TimeUnit.DAYS)
class EquivalenceTest {

    private static final int COUNT = 2_000;

    /** Those that wait for time to pass: most of a second each, so many at a time. */
    private static final int COUNT_IN_REAL_TIME = 60;

    private static final int SERVERS_IN_REAL_TIME = 12;

    private static final Long REPLAYED = Long.getLong("equivalence.seed");

    @ParameterizedTest
    @MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
    void noRandomSequenceTellsTheStoresApart(RedisExecutable executable) throws Exception {
        int servers = Runtime.getRuntime().availableProcessors();
        check(executable, servers, Integer.getInteger("equivalence.count", COUNT), List.of(Passing.moved()));
    }

    @Test
    void noRandomSequenceTellsThemApartWhenTimeIsWaitedFor() throws Exception {
        List<Passing> passings = List.of(Passing.real(8), Passing.real(20), Passing.real(50), Passing.real(120));
        RedisExecutable executable = EmbeddedRedis.executables().get(0);
        // As many more as of the others, but never fewer.
        int more = Integer.getInteger("equivalence.count", COUNT) / COUNT;
        int count = COUNT_IN_REAL_TIME * Math.max(1, more);
        check(executable, SERVERS_IN_REAL_TIME, count, passings);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "lock:"})
    void theFirstTwoKeysShareASlotAndTheThirdDoesNot(String prefix) {
        List<Integer> slots = SequencePlan.KEYS.stream()
                .map(key -> SlotHash.getSlot(prefix + key))
                .toList();

        assertThat(slots.get(1)).isEqualTo(slots.get(0));
        assertThat(slots.get(2)).isNotEqualTo(slots.get(0));
    }

    private static void check(RedisExecutable executable, int servers, int count, List<Passing> passings)
            throws InterruptedException {
        long first = REPLAYED != null ? REPLAYED : Seeds.first();
        Sequences sequences = new Sequences(first, REPLAYED != null ? 1 : count, passings);
        sequences.run(
                executable,
                servers,
                (client, prefix) -> RedisLockStore.builder()
                        .client(client)
                        .keyPrefix(prefix)
                        .commandTimeout(Duration.ofMinutes(1))
                        .connect());
        System.out.println("equivalence on " + executable + ": " + sequences);
        assertThat(sequences.failure()).isNull();
        // Those for which this machine was too slow are printed: they say nothing, and how many they are says nothing
        // of us.
        assertThat(sequences.done()).as("sequences that said something").isPositive();
        if (REPLAYED == null) {
            assertThat(sequences.pushes()).isGreaterThan(sequences.done());
        }
    }
}
