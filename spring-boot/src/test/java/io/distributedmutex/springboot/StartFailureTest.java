package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;

/** What an application that does not start says to who starts it. */
@WithRedis(password = "opensesame")
class StartFailureTest {

    private final EmbeddedRedis redis;

    StartFailureTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {}

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class ApplicationWithTwoMutexes {

        @Bean
        DistributedMutex orders() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }

        @Bean
        DistributedMutex invoices() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        lease-time           | 5ms         |                            | leaseTime must be from 10 ms to
        lease-time           | soon        |                            | lease-time
        wait-time            | -1s         |                            | waitTime must be from 0 ms to
        retry-interval       | 2m          |                            | to 60000 ms, but is
        auto-renew           | 10s         |                            | is shorter than the leaseTime of 60000 ms
        auto-renew           | 1m          | lease-time=100ms           | autoRenew needs a leaseTime of at least 300 ms
        minimum-hold         | 2m          |                            | is longer than the leaseTime of 60000 ms
        shutdown-patience    | -1s         |                            | shutdownPatience must be from 0 to 365 days
        on-lost              | panic       |                            | on-lost
        deadlocks            | repair      |                            | deadlocks
        deadlocks-after      | 5ms         |                            | deadlocksAfter must be from 10 ms to
        holder-label         | ''          |                            | holderLabel
        redis.key-prefix     | 'dmutex:{'  |                            | dmutex:{
        redis.command-timeout| 1ms         |                            | commandTimeout must be from 10 ms to 60000 ms
        """)
    void aValueThatIsRefusedIsShownWithItsPropertyAndItsBound(
            String property, String value, String other, String need) {
        String said = failing(
                Application.class,
                "distributed-mutex." + property + "=" + value,
                other == null ? "" : "distributed-mutex." + other);

        assertThat(said).contains("distributed-mutex." + property, value, need);
    }

    @Test
    void aPropertyThatIsNotKnownIsRefused() {
        assertThat(failing(Application.class, "distributed-mutex.lease-tme=5s"))
                .contains(
                        "There is no property distributed-mutex.lease-tme, but it is set to '5s' by",
                        "    distributed-mutex.lease-time",
                        "    distributed-mutex.redis.uri");
    }

    @Test
    void aUriThatIsNoneIsRefusedWithoutItsPassword() {
        assertThat(failing(Application.class, "distributed-mutex.redis.uri=redis://:opensesame@localhost:port"))
                .contains("distributed-mutex.redis.uri is not a Redis URI", "Correct distributed-mutex.redis.uri")
                .doesNotContain("opensesame");
    }

    @Test
    void aRedisThatIsDownIsNamedWithWhatNamedItAndTheWayToStartWithoutIt() {
        redis.kill();

        assertThat(failing(Application.class))
                .contains(
                        "The DistributedMutex could not be made",
                        "127.0.0.1:" + redis.port(),
                        "spring.data.redis",
                        "distributed-mutex.redis.lazy=true")
                .doesNotContain("opensesame");
        assertThat(failing(Application.class, "distributed-mutex.redis.uri=" + redis.uri()))
                .contains("Start Redis there", "or correct distributed-mutex.redis.uri")
                .doesNotContain("opensesame");
    }

    @Test
    void aWrongPasswordIsToldApartFromAServerThatIsDown() {
        assertThat(failing(Application.class, "spring.data.redis.password=wrong"))
                .contains("WRONGPASS", "spring.data.redis")
                .doesNotContain("lazy");
    }

    @Test
    void aServerThatIsNoClusterIsNamed() {
        assertThat(failing(Application.class, "spring.data.redis.cluster.nodes=127.0.0.1:" + redis.port()))
                .contains("127.0.0.1:" + redis.port() + " is no Redis Cluster", "spring.data.redis")
                .doesNotContain("opensesame");
    }

    @Test
    void nodesWithoutAPrimaryAreNotServed() {
        assertThat(failing(Application.class, "spring.data.redis.masterreplica.nodes=10.0.0.1:6379"))
                .contains("which Redis is the primary", "10.0.0.1", "distributed-mutex.redis.uri");
    }

    @Test
    void twoMutexesOfWhichNoneIsPrimaryAreNamed() {
        assertThat(failing(ApplicationWithTwoMutexes.class))
                .contains("required a single bean, but 2 were found", "orders", "invoices", "@Primary");
    }

    /** Starts the application in vain. */
    private String failing(Class<?> application, String... properties) {
        ListAppender<ILoggingEvent> reports = new ListAppender<>();
        reports.start();
        Logger logger =
                (Logger) LoggerFactory.getLogger("org.springframework.boot.diagnostics.LoggingFailureAnalysisReporter");
        logger.addAppender(reports);
        logger.setAdditive(false);
        // Says it once more, at length.
        Logger contexts = (Logger) LoggerFactory.getLogger("org.springframework.context");
        contexts.setLevel(Level.ERROR);
        try {
            SpringApplication starting = new SpringApplication(application);
            starting.setWebApplicationType(WebApplicationType.NONE);
            starting.setDefaultProperties(
                    Map.of("spring.main.banner-mode", "off", "spring.main.log-startup-info", "false"));
            List<String> arguments = new ArrayList<>();
            arguments.add("--spring.data.redis.host=127.0.0.1");
            arguments.add("--spring.data.redis.port=" + redis.port());
            if (Stream.of(properties).noneMatch(each -> each.startsWith("spring.data.redis.password"))) {
                arguments.add("--spring.data.redis.password=opensesame");
            }
            if (Stream.of(properties).noneMatch(each -> each.contains("command-timeout"))) {
                arguments.add("--distributed-mutex.redis.command-timeout=30s");
            }
            Stream.of(properties).filter(each -> !each.isEmpty()).forEach(each -> arguments.add("--" + each));
            assertThatThrownBy(
                            () -> starting.run(arguments.toArray(String[]::new)).close())
                    .isNotNull();
        } finally {
            contexts.setLevel(null);
            logger.setAdditive(true);
            logger.detachAppender(reports);
        }
        assertThat(reports.list).as("reports of a failed start").hasSize(1);
        return reports.list.get(0).getFormattedMessage();
    }
}
