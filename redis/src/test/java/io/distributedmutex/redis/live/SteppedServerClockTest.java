package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The clock of a real Redis is stepped by an hour, by libfaketime (Debian's package faketime; where that is not
 * installed only {@code ServerClockTest} does it, to the in-memory store). Its monotonic clock goes on.
 */
class SteppedServerClockTest {

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static final String KEY = "stepped";
    private static final long HOUR_SECONDS = 3_600;
    /** One poll, and a margin for a noisy machine. */
    private static final double POLL_MILLIS = 250 + 150;

    @TempDir
    Path folder;

    private EmbeddedRedis redis;
    private Instances instances;

    @BeforeEach
    void start() throws IOException {
        Optional<Path> library = libfaketime();
        assumeTrue(library.isPresent(), "libfaketime is not installed");
        setClock(0);
        redis = EmbeddedRedis.builder()
                .executable(wrapper(library.orElseThrow()))
                .start();
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        if (redis != null) {
            instances.close();
            redis.close();
        }
    }

    @Test
    void afterAStepForwardAWaiterIsServedWithinOnePollAndTheHolderIsToldAtItsNextRenewal() throws Exception {
        DistributedMutex holder = instances.add(
                "holder",
                LockOptions.builder()
                        .leaseTime(Duration.ofSeconds(3))
                        .autoRenew(Duration.ofMinutes(1))
                        .build());
        Lease held = holder.acquire(KEY);
        CompletableFuture<Lease> waiting = instances.add("waiter").acquireAsync(KEY);
        Await.until("it to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == 1);

        step(HOUR_SECONDS);
        long stepped = System.nanoTime();

        Lease next = waiting.get(20, TimeUnit.SECONDS);
        double served = (System.nanoTime() - stepped) / 1e6;
        Await.until("the holder to be told", () -> held.state() == LeaseState.LOST);
        double told = (System.nanoTime() - stepped) / 1e6;
        Figures.say(
                "server's clock an hour forward: waiter served after %.0f ms, holder told after %.0f", served, told);
        assertThat(served).isLessThan(POLL_MILLIS + stalls.allowanceMillis());
        assertThat(told).as("a third of the lease").isLessThan(1_000 + 300 + stalls.allowanceMillis());
        assertThat(held.lossReason()).contains(LossReason.TAKEN);
        assertThat(next.fencingToken()).isGreaterThan(held.fencingToken());
        assertThat(held.release()).isFalse();
        assertThat(next.isValid()).isTrue();
        assertThat(next.release()).isTrue();
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void afterAStepBackTheHolderHoldsAndAWaiterIsServedByPush() throws Exception {
        Lease held = instances.add("holder").acquire(KEY);
        CompletableFuture<Lease> waiting = instances.add("waiter").acquireAsync(KEY);
        Await.until("it to queue", () -> RedisContents.waiters(redis, "lock:" + KEY) == 1);

        step(-HOUR_SECONDS);
        Await.pass(Duration.ofMillis(600));

        assertThat(waiting).isNotDone();
        assertThat(held.isValid()).isTrue();
        assertThat(RedisContents.pttl(redis, "lock:" + KEY)).isGreaterThan(HOUR_SECONDS * 1_000);
        long released = System.nanoTime();
        assertThat(held.release()).isTrue();
        Lease next = waiting.get(20, TimeUnit.SECONDS);
        double served = (System.nanoTime() - released) / 1e6;
        Figures.say("server's clock an hour back: waiter served %.1f ms after the release", served);
        assertThat(served).isLessThan(POLL_MILLIS + stalls.allowanceMillis());
        assertThat(next.fencingToken()).isGreaterThan(held.fencingToken());
        assertThat(next.release()).isTrue();
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void tokensRiseOverStepsToAndFro() throws IOException {
        DistributedMutex mutex = instances.add("one");
        long last = 0;
        for (int i = 0; i < 20; i++) {
            step(i % 2 == 0 ? HOUR_SECONDS : -HOUR_SECONDS);
            Lease lease = mutex.acquire(KEY);
            assertThat(lease.fencingToken()).as("after step %d", i).isGreaterThan(last);
            last = lease.fencingToken();
            assertThat(lease.release()).isTrue();
        }
        RedisContents.assertNothingLeft(redis);
    }

    /** Steps the clock, and makes sure that the server sees it: else a test would show nothing. */
    private void step(long seconds) throws IOException {
        setClock(seconds);
        Await.until("the server's clock to be stepped", () -> {
            long server = Long.parseLong((String) ((List<?>) redis.command("TIME")).get(0));
            return Math.abs(server - System.currentTimeMillis() / 1_000 - seconds) < 60;
        });
    }

    /** Replaced in one step, since the server may read it at any moment. */
    private void setClock(long seconds) throws IOException {
        Path next = Files.writeString(folder.resolve("clock.next"), String.format("%+d%n", seconds));
        Files.move(next, folder.resolve("clock"), StandardCopyOption.ATOMIC_MOVE);
    }

    private Path wrapper(Path library) throws IOException {
        String script = "#!/bin/sh\n"
                + "export LD_PRELOAD='" + library + "' FAKETIME_TIMESTAMP_FILE='" + folder.resolve("clock") + "'\n"
                + "export FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1\n"
                + "exec '" + EmbeddedRedis.executables().get(0).path() + "' \"$@\"\n";
        Path wrapper = Files.writeString(folder.resolve("redis-server"), script);
        Files.setPosixFilePermissions(wrapper, PosixFilePermissions.fromString("rwx------"));
        return wrapper;
    }

    /** Debian has it in /usr/lib/ARCHITECTURE/faketime, others in /usr/lib/faketime or /usr/lib64/faketime. */
    private static Optional<Path> libfaketime() throws IOException {
        for (Path parent : List.of(Path.of("/usr/lib"), Path.of("/usr/lib64"))) {
            if (Files.isDirectory(parent)) {
                try (Stream<Path> folders = Files.list(parent)) {
                    Optional<Path> found = Stream.concat(Stream.of(parent), folders)
                            .map(each -> each.resolve("faketime/libfaketime.so.1"))
                            .filter(Files::isReadable)
                            .findFirst();
                    if (found.isPresent()) {
                        return found;
                    }
                }
            }
        }
        return Optional.empty();
    }
}
