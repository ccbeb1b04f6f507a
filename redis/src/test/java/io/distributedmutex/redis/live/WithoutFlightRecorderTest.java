package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A Java runtime that has the modules which a program needs, as jlink makes them, and no flight recorder. */
@WithRedis
class WithoutFlightRecorderTest {

    /** What Logback and Netty need; the library itself needs java.base. */
    private static final String MODULES = "java.logging,java.management,java.naming,java.xml,jdk.unsupported";

    private final EmbeddedRedis redis;

    @TempDir
    private Path folder;

    WithoutFlightRecorderTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @Test
    void locksWorkOnAStoreInMemory() throws Exception {
        assertThat(said()).isEqualTo("acquired, released, lost; flight recorder: false");
    }

    @Test
    void locksWorkOnRedis() throws Exception {
        assertThat(said(redis.uri())).isEqualTo("acquired, released, lost; flight recorder: false");
    }

    /** What the program says, and nothing else, in a process of its own. */
    private String said(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--limit-modules",
                MODULES,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dtest.log.level=ERROR",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName()));
        command.addAll(List.of(arguments));
        Path output = folder.resolve("output");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(process.waitFor(1, TimeUnit.MINUTES)).as("ended").isTrue();
        } finally {
            process.destroyForcibly();
        }
        return Files.readString(output, StandardCharsets.UTF_8).strip();
    }

    /** Acquires, loses and releases, all of which are flight events elsewhere. */
    static final class Program {

        private Program() {}

        public static void main(String[] arguments) throws Exception {
            try (DistributedMutex mutex = arguments.length > 0
                    ? RedisMutex.builder()
                            .uri(arguments[0])
                            .commandTimeout(Duration.ofSeconds(30))
                            .connect()
                    : DistributedMutex.builder(new InMemoryLockStore()).build()) {
                Lease first = mutex.acquire("k");
                System.out.print(first.isValid() ? "acquired" : "not valid");
                System.out.print(first.release() && mutex.inspect("k").isEmpty() ? ", released" : ", taken still");
                Lease lease = mutex.acquire("k");
                mutex.forceRelease("k");
                System.out.print(lease.release() ? ", not lost" : ", lost");
            }
            System.out.println("; flight recorder: "
                    + ModuleLayer.boot().findModule("jdk.jfr").isPresent());
        }
    }
}
