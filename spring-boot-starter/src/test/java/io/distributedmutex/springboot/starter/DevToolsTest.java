package io.distributedmutex.springboot.starter;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An application that DevTools restart: the library keeps no class, no thread and no lock of what ran before. */
@Tag("deep") // Starts a process, which starts several times.
@WithRedis
class DevToolsTest {

    private static final int RESTARTS = 3;

    private static final String THREADS = "dmutex-redis-io-N, dmutex-redis-timer-N, dmutex-timer-N";

    /** Uses the mutex in each way, and tells what there is of all runs. */
    private static final String PROBE = """
            package com.example.tenants;

            import io.distributedmutex.DistributedMutex;
            import io.distributedmutex.Lease;
            import io.distributedmutex.LossReason;
            import io.distributedmutex.MutexListener;
            import io.distributedmutex.spring.DistributedLock;
            import java.lang.ref.WeakReference;
            import java.util.*;
            import java.util.stream.Collectors;
            import javax.management.*;
            import org.springframework.stereotype.Component;
            import org.springframework.web.bind.annotation.*;

            @RestController
            class Probe {

                private final DistributedMutex mutex;
                private final Annotated annotated;

                @SuppressWarnings("unchecked")
                Probe(DistributedMutex mutex, Annotated annotated) {
                    this.mutex = mutex;
                    this.annotated = annotated;
                    loaders().add(new WeakReference<>(Probe.class.getClassLoader()));
                }

                /** Where all runs find it. */
                @SuppressWarnings("unchecked")
                private static List<WeakReference<ClassLoader>> loaders() {
                    return (List<WeakReference<ClassLoader>>) System.getProperties()
                            .computeIfAbsent("probe.loaders", key -> Collections.synchronizedList(new ArrayList<>()));
                }

                @PostMapping("/use")
                void use() {
                    mutex.run("k", lease -> mutex.acquireAsync("k").cancel(false));
                    annotated.call();
                    mutex.acquireAsync("async").thenAccept(Lease::close).join();
                    mutex.asLock("never unlocked").lock();
                    mutex.acquire("never released").onLost(lost -> mutex.inspect("k"));
                }

                @GetMapping("/loaders")
                String aliveLoaders() {
                    System.gc();
                    return loaders().size() + " runs, " + loaders().stream().filter(l -> l.get() != null).count() + " alive";
                }

                @GetMapping("/threads")
                String threads() {
                    return Thread.getAllStackTraces().keySet().stream()
                            .map(Thread::getName)
                            // Callbacks have as many as they just need.
                            .filter(name -> name.contains("dmutex") && !name.contains("callback"))
                            .map(name -> name.replaceAll("[0-9]+", "N"))
                            .sorted()
                            .collect(Collectors.joining(", "));
                }

                @GetMapping("/beans")
                String managementBeans() throws Exception {
                    return java.lang.management.ManagementFactory.getPlatformMBeanServer()
                            .queryNames(new ObjectName("io.distributedmutex*:*"), null).toString();
                }
            }

            @Component
            class Annotated {
                @DistributedLock(name = "annotated", waitTime = "30s")
                public void call() {}
            }

            @Component
            class Listener implements MutexListener {
                @Override
                public void onLost(Lease lease, LossReason reason) {
                    System.out.println("heard of " + lease.key() + ": " + reason);
                }
            }
            """;

    @TempDir
    private Path folder;

    @ParameterizedTest(name = "the library is restarted too: {0}")
    @ValueSource(booleans = {false, true})
    void nothingOfThePreviousRunStays(boolean isReloaded, EmbeddedRedis redis) throws Exception {
        GeneratedApplication application = GeneratedApplication.in(
                        folder,
                        "distributed-mutex.shutdown-patience=0s",
                        "distributed-mutex.redis.command-timeout=30s",
                        "distributed-mutex.wait-time=55s",
                        "spring.datasource.url=jdbc:h2:mem:devtools",
                        "spring.devtools.restart.poll-interval=200ms",
                        "spring.devtools.restart.quiet-period=100ms")
                .withDevTools("Probe", PROBE);
        if (!isReloaded) {
            // As for jars: what is in folders, as in this build, counts as the application's own.
            Path settings = Files.createDirectories(application.classes().resolve("META-INF"));
            Files.writeString(
                    settings.resolve("spring-devtools.properties"),
                    "restart.exclude.ours=/(core|redis|spring|spring-boot|spring-boot-starter|micrometer)/target/");
        }
        Map<String, String> environment = Map.of(
                "DISTRIBUTEDMUTEX_REDIS_URI",
                redis.uri(),
                // Spring keeps what it knows of classes by soft references.
                "JAVA_TOOL_OPTIONS",
                "-XX:SoftRefLRUPolicyMSPerMB=0");
        try (ApplicationProcess process = application.start("restarted", environment)) {
            for (int run = 1; run <= RESTARTS + 1; run++) {
                process.awaitStart(run);
                assertThat(process.post("/use")).as(process.log()).isEqualTo(200);
                Await.until(
                        "its own threads alone", () -> get(process, "/threads").equals(THREADS));
                assertThat(get(process, "/beans")).isEqualTo("[]");
                // The classes of one earlier run stay also in an application without this library.
                String loaders = run + " runs, [12] alive";
                Await.until(loaders, () -> get(process, "/loaders").matches(loaders));
                Files.writeString(application.classes().resolve("changed.txt"), "run " + run);
            }
            process.awaitStart(RESTARTS + 2);
            assertThat(process.log())
                    .contains("heard of never released: CLOSED")
                    .doesNotContain("ERROR");
            assertThat(process.terminate()).isEqualTo(143);
        }
        // Well before a lease would end by itself.
        Await.until(
                "nothing to be left",
                Duration.ofSeconds(10),
                () -> redis.command("KEYS", "lock:*").equals(List.of()));
    }

    private static String get(ApplicationProcess process, String path) {
        try {
            return process.get(path).body();
        } catch (IOException e) {
            throw new AssertionError(path + ": " + process.log(), e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
