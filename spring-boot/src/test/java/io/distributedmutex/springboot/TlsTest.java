package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** The SSL bundle of the application's Redis, on a connection by TLS. */
@WithRedis
class TlsTest {

    @TempDir
    Path folder;

    private Path trusted;

    private ApplicationContextRunner application(TlsFront front) {
        return new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        SslAutoConfiguration.class,
                        DataRedisAutoConfiguration.class,
                        DistributedMutexAutoConfiguration.class,
                        MutexHealthAutoConfiguration.class))
                .withPropertyValues(
                        "distributed-mutex.redis.command-timeout=30s",
                        "spring.data.redis.host=localhost",
                        "spring.data.redis.port=" + front.port(),
                        "spring.data.redis.ssl.bundle=locks",
                        "spring.ssl.bundle.jks.locks.reload-on-update=true",
                        "spring.ssl.bundle.watch.file.quiet-period=50ms",
                        "spring.ssl.bundle.jks.locks.truststore.location=file:" + trusted,
                        "spring.ssl.bundle.jks.locks.truststore.password=" + TlsFront.PASSWORD);
    }

    @Test
    void locksTrustWhomTheBundleTrustsAlsoAfterItWasReloaded(EmbeddedRedis redis) throws Exception {
        Path first = TlsFront.newKeys(folder.resolve("first.p12"));
        Path second = TlsFront.newKeys(folder.resolve("second.p12"));
        trusted = Files.copy(first, folder.resolve("trusted.p12"));
        try (TlsFront front = new TlsFront(redis.port())) {
            front.identify(first);
            application(front).run(context -> {
                DistributedMutex mutex = context.getBean(DistributedMutex.class);
                MutexHealthIndicator health = context.getBean(MutexHealthIndicator.class);
                mutex.acquire("k").close();

                front.identify(second);
                front.cut();
                Await.until(() -> health.health().getStatus().equals(Status.DOWN));

                Files.move(second, trusted, StandardCopyOption.ATOMIC_MOVE);
                Await.until(() -> health.health().getStatus().equals(Status.UP));
                mutex.acquire("k").close();
            });
        }
    }

    @Test
    void aServerThatTheBundleDoesNotTrustIsRefused(EmbeddedRedis redis) throws Exception {
        Path first = TlsFront.newKeys(folder.resolve("first.p12"));
        trusted = TlsFront.newKeys(folder.resolve("trusted.p12"));
        try (TlsFront front = new TlsFront(redis.port())) {
            front.identify(first);
            application(front)
                    .run(context ->
                            assertThat(context).getFailure().rootCause().hasStackTraceContaining("checkServerTrusted"));
        }
    }
}
