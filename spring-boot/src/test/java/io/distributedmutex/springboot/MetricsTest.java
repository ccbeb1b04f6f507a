package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.micrometer.KeyNames;
import io.distributedmutex.micrometer.MutexMetrics;
import io.distributedmutex.micrometer.ObservedMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

@WithRedis
class MetricsTest {

    private final ApplicationContextRunner application;

    MetricsTest(EmbeddedRedis redis) {
        application = new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        DistributedMutexAutoConfiguration.class, MutexMetricsAutoConfiguration.class))
                .withPropertyValues(
                        "distributed-mutex.redis.uri=" + redis.uri(), "distributed-mutex.redis.command-timeout=30s");
    }

    @Test
    void theRegistryHasTheMetersOfTheMutex() {
        application.withBean(SimpleMeterRegistry.class).run(context -> {
            MeterRegistry registry = context.getBean(MeterRegistry.class);
            try (Lease lease = context.getBean(DistributedMutex.class).acquire("k")) {
                assertThat(registry.get("distributed.mutex.held").gauge().value())
                        .isEqualTo(1);
                assertThat(lease.isValid()).isTrue();
            }
            Await.until(
                    "the hold is counted",
                    () -> registry.get("distributed.mutex.hold").timer().count() == 1);
        });
    }

    @Test
    void aBeanNamesTheKeys() {
        application
                .withBean(SimpleMeterRegistry.class)
                .withBean(KeyNames.class, () -> KeyNames.before(':', "tenant"))
                .run(context -> assertThat(context.getBean(MeterRegistry.class)
                                .get("distributed.mutex.hold")
                                .tag("name", "tenant")
                                .timer()
                                .count())
                        .isZero());
    }

    @Test
    void requestsToRedisAreTimedIfThatIsAskedFor() {
        application.withBean(SimpleMeterRegistry.class).run(context -> {
            context.getBean(DistributedMutex.class).acquire("k").release();
            assertThat(context.getBean(MeterRegistry.class)
                            .find("distributed.mutex.store.requests")
                            .timers())
                    .isEmpty();
        });
        application
                .withBean(SimpleMeterRegistry.class)
                .withPropertyValues("distributed-mutex.metrics.store-requests=true")
                .run(context -> {
                    context.getBean(DistributedMutex.class).acquire("k").release();
                    for (String operation : List.of("acquire", "release")) {
                        assertThat(context.getBean(MeterRegistry.class)
                                        .get("distributed.mutex.store.requests")
                                        .tags("operation", operation, "outcome", "answered")
                                        .timer()
                                        .count())
                                .as(operation)
                                .isEqualTo(1);
                    }
                });
    }

    @Test
    void locksCanBeObserved() {
        List<String> observed = new CopyOnWriteArrayList<>();
        ObservationRegistry registry = ObservationRegistry.create();
        registry.observationConfig().observationHandler(new ObservationHandler<>() {
            @Override
            public void onStop(Observation.Context context) {
                observed.add(context.getName());
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return true;
            }
        });
        application.withBean(ObservationRegistry.class, () -> registry).run(context -> {
            context.getBean(ObservedMutex.class).run("k", lease -> {});
            assertThat(observed).containsExactly("distributed.mutex.observed.wait", "distributed.mutex.observed.hold");
        });
    }

    @Test
    void withoutARegistryOrMicrometerThereAreNone() {
        application.run(context -> assertThat(context)
                .hasNotFailed()
                .doesNotHaveBean(MutexMetrics.class)
                .doesNotHaveBean(ObservedMutex.class));
        application
                .withClassLoader(new FilteredClassLoader("io.micrometer"))
                .run(context -> assertThat(context).hasNotFailed().hasSingleBean(DistributedMutex.class));
    }
}
