package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;

/** A program that measures what the starter adds to the start of a web application with Actuator, for docs/spring-boot.md. No build runs it. */
@WithRedis
class StartCost {

    private static final int ROUNDS = 5;

    private static final String WITHOUT = "--spring.autoconfigure.exclude="
            + String.join(
                    ",",
                    DistributedLockAutoConfiguration.class.getName(),
                    DistributedMutexAutoConfiguration.class.getName(),
                    LocksEndpointAutoConfiguration.class.getName(),
                    MutexHealthAutoConfiguration.class.getName(),
                    MutexMetricsAutoConfiguration.class.getName());

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {

        /** Starts, and says how many milliseconds that took. */
        public static void main(String[] arguments) {
            long begin = System.nanoTime();
            SpringApplication.run(Application.class, arguments);
            System.out.println("started in " + (System.nanoTime() - begin) / 1_000_000);
            System.exit(0);
        }
    }

    @Test
    void theStarterAddsLittleToWhatItsClientTakes(EmbeddedRedis redis) throws Exception {
        Map<String, String> kinds = new LinkedHashMap<>();
        kinds.put("without", WITHOUT);
        kinds.put("lazy", "--distributed-mutex.redis.lazy=true");
        kinds.put("connected", "--distributed-mutex.redis.lazy=false");
        Map<String, List<Long>> millis = new LinkedHashMap<>();
        // One after the other, so that what disturbs the machine disturbs all. The first round warms the file cache.
        for (int round = 0; round <= ROUNDS; round++) {
            for (Map.Entry<String, String> kind : kinds.entrySet()) {
                long took = start(kind.getValue(), "--spring.data.redis.port=" + redis.port());
                if (round > 0) {
                    millis.computeIfAbsent(kind.getKey(), any -> new ArrayList<>())
                            .add(took);
                }
            }
        }
        millis.forEach(
                (kind, all) -> System.out.println("start of a web application, in ms, " + kind + ": " + shown(all)));
        assertThat(millis.values())
                .hasSize(3)
                .allSatisfy(all -> assertThat(all)
                        .hasSize(ROUNDS)
                        .allSatisfy(each -> assertThat(each).isPositive()));
    }

    private static long start(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Application.class.getName(),
                "--server.port=0",
                "--server.address=127.0.0.1",
                "--spring.data.redis.host=127.0.0.1"));
        command.addAll(Arrays.asList(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(said).isZero();
        return Long.parseLong(said.replaceFirst("(?s).*started in (\\d+)\\s.*", "$1"));
    }

    private static String shown(List<Long> millis) {
        long[] sorted = millis.stream().mapToLong(each -> each).sorted().toArray();
        return "median " + sorted[sorted.length / 2] + ", from " + sorted[0] + " to " + sorted[sorted.length - 1];
    }
}
