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
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
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

    /** How many sequences every build does, and how many more the deep profile, of the seeds that follow. */
    private static final int COUNT = 100;

    private static final int LATER = 1_900;

    /** What differs there is the server's commands, which a few of them use all. */
    private static final int COUNT_ON_INSTALLED = 500;

    /** Those that wait for time to pass: most of a second each, so many at a time. */
    private static final int COUNT_IN_REAL_TIME = 6;

    private static final int LATER_IN_REAL_TIME = 54;

    /** So many sequences have grants that are pushed; of two or three, which a slow machine may leave, nothing follows. */
    private static final int ENOUGH_FOR_PUSHES = 20;

    private static final int SERVERS_IN_REAL_TIME = 12;

    private static final RedisExecutable OLDEST = EmbeddedRedis.executables().get(0);

    private static final Long REPLAYED = Long.getLong("equivalence.seed");

    @Test
    void noRandomSequenceTellsTheStoresApart() throws Exception {
        checkMoved(OLDEST, Seeds.first(), Integer.getInteger("equivalence.count", COUNT));
    }

    @Test
    @Tag("deep")
    void noLaterSequenceTellsTheStoresApart() throws Exception {
        checkMoved(OLDEST, Seeds.first() + COUNT, LATER);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource
    @Tag("deep")
    void noRandomSequenceTellsTheStoresApartOnAnInstalledServer(RedisExecutable installed) throws Exception {
        checkMoved(installed, Seeds.first(), Integer.getInteger("equivalence.count", COUNT_ON_INSTALLED));
    }

    static Stream<RedisExecutable> noRandomSequenceTellsTheStoresApartOnAnInstalledServer() {
        return EmbeddedRedis.executables().stream().skip(1);
    }

    @Test
    void noRandomSequenceTellsThemApartWhenTimeIsWaitedFor() throws Exception {
        // As many more as of the others, but never fewer.
        int more = Integer.getInteger("equivalence.count", COUNT) / COUNT;
        checkInRealTime(Seeds.first(), COUNT_IN_REAL_TIME * Math.max(1, more));
    }

    @Test
    @Tag("deep")
    void noLaterSequenceTellsThemApartWhenTimeIsWaitedFor() throws Exception {
        checkInRealTime(Seeds.first() + COUNT_IN_REAL_TIME, LATER_IN_REAL_TIME);
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

    private static void checkMoved(RedisExecutable executable, long firstSeed, int count) throws InterruptedException {
        int servers = Runtime.getRuntime().availableProcessors();
        check(executable, servers, firstSeed, count, List.of(Passing.moved(), Passing.movedFar()));
    }

    private static void checkInRealTime(long firstSeed, int count) throws InterruptedException {
        List<Passing> passings =
                Stream.of(8, 20, 50, 120, 400).map(Passing::real).toList();
        check(OLDEST, SERVERS_IN_REAL_TIME, firstSeed, count, passings);
    }

    private static void check(
            RedisExecutable executable, int servers, long firstSeed, int count, List<Passing> passings)
            throws InterruptedException {
        Sequences sequences =
                new Sequences(REPLAYED != null ? REPLAYED : firstSeed, REPLAYED != null ? 1 : count, passings);
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
        if (REPLAYED == null && sequences.done() >= ENOUGH_FOR_PUSHES) {
            assertThat(sequences.pushes()).isGreaterThan(sequences.done());
        }
    }
}
