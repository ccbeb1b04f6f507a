package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import io.lettuce.core.RedisClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that are Redis, but not one that locks can be on, and one that only looks so. */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class ServerKindTest {

    private static final int SLOTS = 16_384;

    private final RedisExecutable executable;

    ServerKindTest(RedisExecutable executable) {
        this.executable = executable;
    }

    @Test
    void aNodeThatServesSomeSlotsIsRefusedWithWhereAnotherIs() {
        try (EmbeddedRedis node = node();
                EmbeddedRedis other = node()) {
            serve(node, 0, 5_460);
            serve(other, 5_461, SLOTS - 1);
            node.command("CLUSTER", "MEET", other.host(), Integer.toString(other.port()));
            Await.until(
                    "the cluster to be up",
                    () -> isUp(node) && node.command("CLUSTER", "SLOTS") instanceof List<?> parts && parts.size() == 2);

            for (Throwable refused : List.of(
                    catchThrowable(() -> RedisMutex.connect(node.uri())),
                    catchThrowable(() -> RedisLockStore.connect(node.uri())),
                    catchThrowable(() -> with(node)))) {
                assertThat(refused)
                        .isInstanceOf(StoreRefusedException.class)
                        .hasMessageContaining(":" + node.port() + " is only a part of a Redis Cluster")
                        .hasMessageContaining("on 127.0.0.1:" + other.port());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"+@all", "+@all -info -cluster"})
    void aClusterOfOneShardServes(String rights) {
        try (EmbeddedRedis node = node()) {
            serve(node, 0, SLOTS - 1);
            Await.until("the cluster to be up", () -> isUp(node));
            node.command(Stream.concat(
                            Stream.of("ACL", "SETUSER", "bob", "on", ">pw", "~*", "&*"), Stream.of(rights.split(" ")))
                    .toArray(String[]::new));

            try (StartedStore store =
                    new StartedStore(RedisLockStore.connect("redis://bob:pw@127.0.0.1:" + node.port()), "label")) {
                for (int i = 0; i < 100; i++) {
                    assertThat(get(store.tryAcquire("k" + i, newToken()))).isInstanceOf(Granted.class);
                }
            }
        }
    }

    @Test
    void aSentinelIsRefusedWithWhatToDo(@TempDir Path folder) throws IOException {
        try (EmbeddedRedis sentinel = sentinel(folder)) {
            assertThat(catchThrowable(() -> RedisLockStore.connect(sentinel.uri())))
                    .isInstanceOf(StoreRefusedException.class)
                    .hasMessageContaining("is a Sentinel")
                    .hasMessageContaining("redis-sentinel://");
        }
    }

    @Test
    void aSentinelNamesThePrimaryThatLocksAreOn(@TempDir Path folder) throws IOException {
        try (EmbeddedRedis primary =
                        EmbeddedRedis.builder().executable(executable.path()).start();
                EmbeddedRedis sentinel = sentinel(folder)) {
            sentinel.command("SENTINEL", "MONITOR", "primary", primary.host(), Integer.toString(primary.port()), "1");

            try (DistributedMutex mutex = RedisMutex.connect(
                            "redis-sentinel://" + sentinel.host() + ":" + sentinel.port() + "#primary");
                    Lease lease = mutex.acquire("k")) {
                assertThat(lease.isValid()).isTrue();
                assertThat(primary.command("EXISTS", "lock:k")).isEqualTo(1L);
            }
        }
    }

    private EmbeddedRedis sentinel(Path folder) throws IOException {
        Path script = folder.resolve("redis-sentinel");
        Files.writeString(script, "#!/bin/sh\nexec '" + executable.path() + "' \"$@\" --sentinel\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        return EmbeddedRedis.builder().executable(script).start();
    }

    private EmbeddedRedis node() {
        return EmbeddedRedis.builder()
                .executable(executable.path())
                .config("cluster-enabled", "yes")
                .start();
    }

    private static void serve(EmbeddedRedis node, int first, int last) {
        node.command(Stream.concat(
                        Stream.of("CLUSTER", "ADDSLOTS"),
                        IntStream.rangeClosed(first, last).mapToObj(Integer::toString))
                .toArray(String[]::new));
    }

    private static boolean isUp(EmbeddedRedis node) {
        return String.valueOf(node.command("CLUSTER", "INFO")).contains("cluster_state:ok");
    }

    private static void with(EmbeddedRedis node) {
        RedisClient client = RedisClient.create(node.uri());
        try (DistributedMutex mutex = RedisMutex.builder().client(client).connect()) {
            throw new AssertionError("connected: " + mutex);
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }
}
