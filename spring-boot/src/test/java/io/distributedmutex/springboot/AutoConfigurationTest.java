package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnLost;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.metrics.CommandLatencyRecorder;
import io.lettuce.core.protocol.ProtocolKeyword;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.data.redis.autoconfigure.ClientResourcesBuilderCustomizer;
import org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.core.annotation.Order;
import org.springframework.data.redis.connection.RedisConnectionFactory;

@WithRedis(password = "opensesame")
class AutoConfigurationTest {

    private final EmbeddedRedis redis;
    private final ApplicationContextRunner application;

    AutoConfigurationTest(EmbeddedRedis redis) {
        this.redis = redis;
        this.application = new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        SslAutoConfiguration.class,
                        DataRedisAutoConfiguration.class,
                        DistributedMutexAutoConfiguration.class,
                        LocksEndpointAutoConfiguration.class,
                        MutexHealthAutoConfiguration.class))
                .withPropertyValues(
                        "spring.data.redis.port=" + redis.port(),
                        "spring.data.redis.password=opensesame",
                        // A busy machine may take its time.
                        "distributed-mutex.redis.command-timeout=30s");
    }

    @Test
    void anApplicationHasAMutexAndAnAdapterOnTheRedisOfSpringData() {
        application.run(context -> {
            try (Lease lease = context.getBean(DistributedMutex.class).acquire("job:1")) {
                assertThat(redis.command("EXISTS", "lock:job:1")).isEqualTo(1L);
                assertThat(context.getBean(MutexAdapter.class).acquire("job:1", Duration.ZERO))
                        .isFalse();
                assertThat(lease.isValid()).isTrue();
            }
        });
    }

    @Test
    void aServiceConnectionGoesBeforeProperties() {
        application
                .withPropertyValues("spring.data.redis.port=1")
                .withBean(DataRedisConnectionDetails.class, () -> new Details(redis.port()))
                .run(context -> assertThat(context).hasNotFailed().hasSingleBean(DistributedMutex.class));
    }

    private record Details(int port) implements DataRedisConnectionDetails {
        @Override
        public String getPassword() {
            return "opensesame";
        }

        @Override
        public Standalone getStandalone() {
            return Standalone.of("127.0.0.1", port);
        }
    }

    @Test
    void theUriOfTheLocksGoesBeforeTheRedisOfSpringData() {
        application
                .withPropertyValues("spring.data.redis.port=1", "distributed-mutex.redis.uri=" + redis.uri())
                .run(context -> assertThat(context).hasNotFailed().hasSingleBean(DistributedMutex.class));
    }

    @Test
    void withoutSpringDataTheUriIsEnough() {
        application
                .withClassLoader(new FilteredClassLoader("org.springframework.boot.data", "org.springframework.data"))
                .withPropertyValues("distributed-mutex.redis.uri=" + redis.uri())
                .run(context -> assertThat(context).hasNotFailed().hasSingleBean(DistributedMutex.class));
    }

    @Test
    void withoutActuatorThereAreTheLocksAlone() {
        application
                .withClassLoader(
                        new FilteredClassLoader("org.springframework.boot.actuate", "org.springframework.boot.health"))
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .hasSingleBean(DistributedMutex.class)
                        .doesNotHaveBean(HealthIndicator.class)
                        .doesNotHaveBean(LocksEndpoint.class));
    }

    @Test
    void eachOptionHasAProperty() {
        application
                .withPropertyValues(
                        "distributed-mutex.lease-time=10s",
                        "distributed-mutex.wait-time=40s",
                        "distributed-mutex.retry-interval=100ms",
                        "distributed-mutex.auto-renew=10m",
                        "distributed-mutex.minimum-hold=1s",
                        "distributed-mutex.on-lost=interrupt",
                        "distributed-mutex.deadlocks=ignore",
                        "distributed-mutex.deadlocks-after=2s",
                        "distributed-mutex.holder-label=blue",
                        "distributed-mutex.count-wall-clock-steps=false",
                        "distributed-mutex.shutdown-patience=3s",
                        "distributed-mutex.redis.key-prefix=mine:",
                        "distributed-mutex.redis.command-timeout=31s",
                        "distributed-mutex.redis.start-check=false")
                .run(context -> {
                    DistributedMutex mutex = context.getBean(DistributedMutex.class);
                    assertThat(mutex.options())
                            .isEqualTo(LockOptions.builder()
                                    .leaseTime(Duration.ofSeconds(10))
                                    .waitTime(Duration.ofSeconds(40))
                                    .retryInterval(Duration.ofMillis(100))
                                    .autoRenew(Duration.ofMinutes(10))
                                    .minimumHold(Duration.ofSeconds(1))
                                    .onLost(OnLost.INTERRUPT)
                                    .build());
                    assertThat(mutex.status().holderLabel()).isEqualTo("blue");
                    try (Lease lease = mutex.acquire("k")) {
                        assertThat(redis.command("EXISTS", "mine:k")).isEqualTo(1L);
                        assertThat(lease.isValid()).isTrue();
                    }
                });
    }

    /** Two instances of an application, and the thread of each holds what that of the other waits for. */
    @Test
    void aDeadlockIsBrokenIfThePropertySaysSo() {
        ApplicationContextRunner fails = application.withPropertyValues(
                "distributed-mutex.deadlocks=fail", "distributed-mutex.deadlocks-after=100ms");
        fails.run(one -> fails.run(other -> {
            DistributedMutex first = one.getBean(DistributedMutex.class);
            DistributedMutex second = other.getBean(DistributedMutex.class);
            try (Lease a = first.acquire("a")) {
                CompletableFuture<Lease> waits;
                DistributedMutex work = second.owner("work").with(options -> options.waitTime(Duration.ofMinutes(1)));
                try (Lease b = work.acquire("b")) {
                    waits = work.acquireAsync("a");
                    // The younger wait gives up.
                    Await.until(() -> second.status().waiting().stream()
                            .anyMatch(wait -> wait.waited().toMillis() > 10));
                    Throwable thrown = catchThrowable(() -> first.acquire("b", Duration.ofMinutes(1)));
                    assertThat(thrown).isInstanceOf(DeadlockException.class);
                    assertThat(a.isValid() && b.isValid()).isTrue();
                    assertThat(waits).isNotDone();
                }
                waits.cancel(false);
            }
        }));
    }

    @Test
    void aDeadlockIsToldOfWithoutTheProperty() {
        application
                .withPropertyValues("distributed-mutex.deadlocks-after=100ms")
                .withBean(Told.class)
                .run(context -> {
                    DistributedMutex mutex = context.getBean(DistributedMutex.class);
                    try (Lease held = mutex.acquire("a")) {
                        // A machine that stalls may let the wait end before the circle is looked for.
                        Await.until(() -> {
                            assertThat(mutex.tryAcquire("a", Duration.ofMillis(600)))
                                    .isEmpty();
                            return !context.getBean(Told.class).circles.isEmpty();
                        });
                        assertThat(held.isValid()).isTrue();
                    }
                });
    }

    static final class Told implements MutexListener {
        final Queue<Deadlock> circles = new ConcurrentLinkedQueue<>();

        @Override
        public void onDeadlock(Deadlock circle) {
            circles.add(circle);
        }
    }

    @Test
    void withoutPropertiesTheOptionsAreThoseOfTheLibrary() {
        application.run(context ->
                assertThat(context.getBean(DistributedMutex.class).options()).isEqualTo(LockOptions.defaults()));
    }

    @Test
    void theApplicationsNameStandsInTheHolderLabel() {
        String pid = ":" + ProcessHandle.current().pid();
        application
                .withPropertyValues("spring.application.name=orders")
                .run(context -> assertThat(
                                context.getBean(DistributedMutex.class).status().holderLabel())
                        .startsWith("orders@")
                        .endsWith(pid));
        application.run(context -> assertThat(
                        context.getBean(DistributedMutex.class).status().holderLabel())
                .doesNotContain("@")
                .endsWith(pid));
    }

    @Test
    void aLongNameOfTheApplicationIsCut() {
        application
                .withPropertyValues("spring.application.name=" + "long".repeat(50))
                .run(context -> assertThat(
                                context.getBean(DistributedMutex.class).status().holderLabel())
                        .startsWith("longlong")
                        .hasSizeLessThanOrEqualTo(128)
                        .endsWith(":" + ProcessHandle.current().pid()));
    }

    @Test
    void allListenersHearInTheirOrder() {
        application.withUserConfiguration(Listeners.class).run(context -> {
            List<String> heard = context.getBean(Listeners.class).heard;
            context.getBean(DistributedMutex.class).acquire("k").close();
            Await.until("both were told", () -> heard.size() == 2);
            assertThat(heard).containsExactly("first k", "second k");
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Listeners {

        final List<String> heard = new CopyOnWriteArrayList<>();

        @Bean
        @Order(2)
        MutexListener second() {
            return telling("second ");
        }

        @Bean
        @Order(1)
        MutexListener first() {
            return telling("first ");
        }

        private MutexListener telling(String prefix) {
            return new MutexListener() {
                @Override
                public void onAcquired(Lease lease, Duration waited) {
                    heard.add(prefix + lease.key());
                }
            };
        }
    }

    @Test
    void aCustomizerHasTheLastWord() {
        application
                .withPropertyValues("distributed-mutex.holder-label=by property")
                .withBean(RedisMutexCustomizer.class, () -> builder -> builder.holderLabel("by customizer"))
                .run(context -> assertThat(
                                context.getBean(DistributedMutex.class).status().holderLabel())
                        .isEqualTo("by customizer"));
    }

    @Test
    void theApplicationsOwnMutexIsTheOnlyOne() {
        application
                .withPropertyValues("spring.data.redis.cluster.nodes=127.0.0.1:1")
                .withBean(
                        "own",
                        DistributedMutex.class,
                        () -> DistributedMutex.builder(new InMemoryLockStore()).build())
                .run(context -> {
                    assertThat(context)
                            .hasNotFailed()
                            .getBeanNames(DistributedMutex.class)
                            .containsExactly("own");
                    assertThat(context.getBean(MutexAdapter.class).acquire("k")).isTrue();
                    assertThat(context.getBean(MutexAdapter.class).release("k")).isTrue();
                });
    }

    @Test
    void twoMutexesDoWithAPrimaryOne() {
        application.withUserConfiguration(TwoMutexes.class).run(context -> {
            assertThat(context).hasNotFailed();
            assertThat(context.getBean(MutexAdapter.class).acquire("k")).isTrue();
            assertThat(context.getBean("orders", DistributedMutex.class)
                            .status()
                            .held())
                    .hasSize(1);
            assertThat(context.getBean(MutexAdapter.class).release("k")).isTrue();
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class TwoMutexes {

        @Bean
        @Primary
        DistributedMutex orders() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }

        @Bean
        DistributedMutex invoices() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }
    }

    @Test
    void ourCommandsAreNoneOfTheApplicationsClient() {
        AtomicInteger recorded = new AtomicInteger();
        application
                .withBean(
                        ClientResourcesBuilderCustomizer.class,
                        () -> resources -> resources.commandLatencyRecorder(counting(recorded)))
                .run(context -> {
                    context.getBean(DistributedMutex.class).acquire("k").close();
                    assertThat(recorded).hasValue(0);

                    context.getBean(RedisConnectionFactory.class)
                            .getConnection()
                            .commands()
                            .ping();
                    Await.until("the application's command was recorded", () -> recorded.get() > 0);
                });
    }

    private static CommandLatencyRecorder counting(AtomicInteger recorded) {
        return new CommandLatencyRecorder() {
            @Override
            public void recordCommandLatency(
                    SocketAddress local, SocketAddress remote, ProtocolKeyword type, long first, long completion) {
                recorded.incrementAndGet();
            }
        };
    }

    @Test
    void nothingIsLeftOfAnApplicationThatHasEnded() {
        application.run(context -> {
            context.getBean(DistributedMutex.class).acquire("k").close();
            assertThat(ourThreads()).isNotEmpty();
        });
        Await.until("no thread is left", () -> ourThreads().isEmpty());
        Await.until("no connection is left but the one that asks", () -> clients() == 1);
    }

    private static Set<Thread> ourThreads() {
        Set<Thread> threads = Await.threads("dmutex-");
        threads.removeIf(thread -> thread.getName().startsWith("dmutex-testkit-"));
        return threads;
    }

    private long clients() {
        return String.valueOf(redis.command("CLIENT", "LIST")).lines().count();
    }

    @Test
    void otherInstancesRespectItsLocks() {
        application.run(context -> {
            try (DistributedMutex other = RedisMutex.connect(redis.uri());
                    Lease lease = context.getBean(DistributedMutex.class).acquire("shared")) {
                assertThat(other.tryAcquire("shared")).isEmpty();
                assertThat(lease.isValid()).isTrue();
            }
        });
    }
}
