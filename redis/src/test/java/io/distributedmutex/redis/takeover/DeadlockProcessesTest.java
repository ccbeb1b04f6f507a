package io.distributedmutex.redis.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.redis.live.RedisContents;
import io.distributedmutex.testing.ChildProcess;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Threads of two and three processes wait for each other's keys. */
@WithRedis
@Tag("deep")
class DeadlockProcessesTest {

    /** From the moment at which the circle closes. */
    private static final long FOUND_WITHIN_MILLIS = 3_000;

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final EmbeddedRedis redis;

    DeadlockProcessesTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @ParameterizedTest(name = "{0}, {1}")
    @CsvSource({
        "FAIL, leases leases",
        "FAIL, leases leases leases",
        "FAIL, locks locks",
        "FAIL, futures futures futures",
        "FAIL, adapter adapter",
        "FAIL, leases locks futures",
        "FAIL, futures adapter locks leases",
        "FAIL, leases",
        "REPORT, leases leases leases"
    })
    void aCircleIsFoundWithinThreeSecondsAndFailFreesExactlyOne(String reaction, String ways) {
        List<String> all = List.of(ways.split(" "));
        List<ChildProcess> children = all.stream()
                .map(way -> ChildProcess.start(DeadlockProcess.class, redis.uri(), reaction))
                .toList();
        try (DistributedMutex test = RedisMutex.connect(redis.uri())) {
            children.forEach(child -> child.expect("ready"));
            List<Lease> turns = new ArrayList<>();
            for (int i = 0; i < all.size(); i++) {
                turns.add(test.acquire("turn-t" + i));
                children.get(i).tell(all.get(i) + " t" + i + " k" + i + " k" + (i + 1) % all.size());
                children.get(i).expect("one");
            }
            long closed = System.nanoTime();
            turns.forEach(Lease::close);

            List<Ending> endings = new ArrayList<>();
            if (reaction.equals("FAIL")) {
                children.forEach(child -> endings.add(ending(child)));
                assertThat(endings.stream().filter(ending -> !ending.both))
                        .as("who gives up: %s", endings)
                        .hasSize(1);
                List<String[]> circles = endings.stream()
                        .flatMap(ending -> ending.circles.stream())
                        .toList();
                assertThat(circles).hasSize(1);
                assertFound(circles.get(0), closed, all.size());
                // Before the processes are killed: they say that they have both keys, and then give them back.
                RedisContents.assertNothingLeft(redis, Duration.ofSeconds(5));
            } else {
                String[] circle = circleOfAny(children);
                assertFound(circle, closed, all.size());
            }
        } finally {
            children.forEach(ChildProcess::close);
        }
        redis.command("FLUSHALL");
    }

    private record Ending(boolean both, List<String[]> circles) {}

    private static Ending ending(ChildProcess child) {
        List<String[]> circles = new ArrayList<>();
        while (true) {
            String[] words = child.expectNext();
            switch (words[0]) {
                case "circle" -> circles.add(words);
                case "both" -> {
                    assertThat(words[2]).isEqualTo("true");
                    return new Ending(true, circles);
                }
                case "deadlock", "failed" -> {
                    // The listener is told by another thread.
                    if (circles.isEmpty()) {
                        circles.add(child.expect("circle"));
                    }
                    return new Ending(false, circles);
                }
                default -> {
                    // A line of the adapter's log.
                }
            }
        }
    }

    private String[] circleOfAny(List<ChildProcess> children) {
        long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (System.nanoTime() < end) {
            for (ChildProcess child : children) {
                Optional<String[]> words = child.nextWithin(Duration.ofMillis(100));
                if (words.isPresent() && words.get()[0].equals("circle")) {
                    return words.get();
                }
            }
        }
        throw new AssertionError("no circle was told of");
    }

    private void assertFound(String[] circle, long closed, int size) {
        long millis = (Long.parseLong(circle[1]) - closed) / 1_000_000;
        System.out.println("a circle of " + size + " was found after " + millis + " ms");
        assertThat(millis).isLessThan(FOUND_WITHIN_MILLIS + stalls.allowanceMillis());
        assertThat(circle[2]).isEqualTo(Integer.toString(size));
        assertThat(circle[3]).startsWith("t");
    }
}
