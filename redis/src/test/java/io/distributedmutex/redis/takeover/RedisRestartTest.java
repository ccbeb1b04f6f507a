package io.distributedmutex.redis.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.ChildProcess;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Redis is killed and restarted, with and without its data, while four processes of four threads each share three
 * keys.
 */
@Tag("deep")
class RedisRestartTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final int PROCESSES = 4;
    private static final int KILLS = 3;

    private record Hold(String key, long fence, long granted, long end) {}

    private record Outage(long killed, long answering) {}

    @ParameterizedTest(name = "data kept: {0}")
    @ValueSource(booleans = {false, true})
    void nobodyIsStuckWorkResumesAndTokensRise(boolean dataKept) {
        List<Outage> outages = new ArrayList<>();
        List<Hold> holds = new ArrayList<>();
        Set<String> errors = new TreeSet<>();
        List<ChildProcess> children = new ArrayList<>();
        try (EmbeddedRedis redis = EmbeddedRedis.builder().dataKept(dataKept).start()) {
            children.addAll(LockProcess.startAll(redis.uri(), PROCESSES));
            for (ChildProcess child : children) {
                child.tell("load 4 3");
                child.expect("loading");
            }
            for (int i = 0; i < KILLS; i++) {
                pause(1_500);
                long killed = System.nanoTime();
                redis.kill();
                redis.restart();
                outages.add(new Outage(killed, System.nanoTime()));
            }
            pause(1_500);
            for (ChildProcess child : children) {
                child.tell("stop");
            }
            for (ChildProcess child : children) {
                List<String> lines = new ArrayList<>();
                String[] stopped = child.collectUntil("stopped", lines);
                assertThat(stopped[1]).as("threads stuck").isEqualTo("0");
                lines.forEach(line -> read(line, holds, errors));
            }
        } finally {
            children.forEach(ChildProcess::close);
        }
        System.out.println(holds.size() + " holds, errors: " + errors + ", data kept: " + dataKept);
        assertThat(errors).isSubsetOf("StoreUnreachableException", "StoreRefusedException", "LockNotAcquiredException");
        // One retry interval, 250 ms, and 50 ms for a wake-up and a round trip.
        assertThat(medianResumeMillis(holds, outages))
                .as("from the first answer")
                .isLessThanOrEqualTo(300 + stalls.allowanceMillis());
        checkOrder(holds, outages, dataKept);
    }

    private static void read(String line, List<Hold> holds, Set<String> errors) {
        String[] words = line.split(" ");
        if (words[0].equals("hold")) {
            holds.add(new Hold(words[1], Long.parseLong(words[2]), Long.parseLong(words[3]), Long.parseLong(words[4])));
        } else if (words[0].equals("error")) {
            errors.add(words[2]);
        }
    }

    private static long medianResumeMillis(List<Hold> holds, List<Outage> outages) {
        List<Long> millis = new ArrayList<>();
        for (Outage outage : outages) {
            long first = holds.stream()
                    .mapToLong(Hold::granted)
                    .filter(granted -> granted > outage.answering())
                    .min()
                    .orElseThrow();
            millis.add((first - outage.answering()) / 1_000_000);
        }
        Collections.sort(millis);
        System.out.println("work resumed after Redis answered, in ms: " + millis);
        return millis.get(millis.size() / 2);
    }

    private static void checkOrder(List<Hold> holds, List<Outage> outages, boolean dataKept) {
        Map<String, List<Hold>> byKey = holds.stream().collect(Collectors.groupingBy(Hold::key));
        assertThat(byKey).hasSize(3);
        byKey.values().forEach(all -> {
            all.sort(Comparator.comparingLong(Hold::granted));
            for (int i = 1; i < all.size(); i++) {
                Hold before = all.get(i - 1);
                Hold next = all.get(i);
                boolean lostData = !dataKept
                        && outages.stream()
                                .anyMatch(o -> o.killed() > before.granted()
                                        && o.killed() < next.granted()
                                        && o.answering() < before.end());
                if (!lostData) {
                    assertThat(next.granted()).as("%s then %s", before, next).isGreaterThanOrEqualTo(before.end());
                }
                assertThat(next.fence()).as("%s then %s", before, next).isGreaterThan(before.fence());
            }
        });
    }

    /** The load runs meanwhile; nothing is waited for. */
    private static void pause(long millis) {
        long end = System.nanoTime() + millis * 1_000_000;
        while (System.nanoTime() - end < 0) {
            LockSupport.parkNanos(end - System.nanoTime());
        }
    }
}
