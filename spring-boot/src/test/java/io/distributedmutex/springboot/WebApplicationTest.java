package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.Principal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A whole application with a web server and Actuator, asked by HTTP. */
@WithRedis
@TestInstance(Lifecycle.PER_CLASS)
class WebApplicationTest {

    /** Kept, as the level would go with it. */
    private static final java.util.logging.Logger TOMCAT = java.util.logging.Logger.getLogger("org.apache");

    private final EmbeddedRedis redis;
    private final FaultyProxy proxy;
    private final HttpClient client = HttpClient.newHttpClient();

    /** By what they were started with; those that are alike are one, since starting takes long. */
    private final Map<List<String>, ConfigurableApplicationContext> started = new HashMap<>();

    private int port;

    WebApplicationTest(EmbeddedRedis redis) {
        this.redis = redis;
        this.proxy = FaultyProxy.to(redis.port());
        TOMCAT.setLevel(java.util.logging.Level.WARNING);
    }

    /** A request that locks twice, the second time when it is told to end. */
    @RestController
    static class Work {

        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch mayEnd = new CountDownLatch(1);
        private final DistributedMutex mutex;

        Work(DistributedMutex mutex) {
            this.mutex = mutex;
        }

        @GetMapping("/work")
        String work() throws InterruptedException {
            return mutex.call("work", lease -> {
                entered.countDown();
                mayEnd.await();
                return mutex.call("more work", more -> "done");
            });
        }
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    @Import(Work.class)
    static class Application {

        /** Instead of a log-in. */
        @Bean
        Filter login() {
            return (request, response, chain) -> {
                HttpServletRequest http = (HttpServletRequest) request;
                String user = http.getHeader("User");
                chain.doFilter(user == null ? request : as(http, user), response);
            };
        }

        private static HttpServletRequest as(HttpServletRequest request, String user) {
            return new HttpServletRequestWrapper(request) {
                @Override
                public Principal getUserPrincipal() {
                    return () -> user;
                }
            };
        }
    }

    private DistributedMutex start(String... properties) {
        List<String> arguments = new ArrayList<>(List.of(
                "--server.port=0",
                "--server.address=127.0.0.1",
                "--spring.main.banner-mode=off",
                "--spring.data.redis.host=127.0.0.1",
                "--spring.data.redis.port=" + proxy.port(),
                "--distributed-mutex.holder-label=this one",
                "--distributed-mutex.wait-time=1m",
                "--management.endpoint.health.show-details=always",
                "--management.endpoint.health.probes.enabled=true",
                "--management.health.redis.enabled=false",
                "--management.endpoints.web.exposure.include=*"));
        for (String property : properties) {
            arguments.add("--" + property);
        }
        ConfigurableApplicationContext context = started.computeIfAbsent(arguments, WebApplicationTest::run);
        port = Integer.parseInt(context.getEnvironment().getRequiredProperty("local.server.port"));
        DistributedMutex mutex = context.getBean(DistributedMutex.class);
        Await.until("it is connected, whatever an earlier test did", () -> answers(mutex));
        return mutex;
    }

    private static ConfigurableApplicationContext run(List<String> arguments) {
        SpringApplication application = new SpringApplication(Application.class);
        // A busy machine may take its time.
        application.setDefaultProperties(Map.of("distributed-mutex.redis.command-timeout", "30s"));
        return application.run(arguments.toArray(String[]::new));
    }

    private static boolean answers(DistributedMutex mutex) {
        try {
            return mutex.inspect("any").isEmpty();
        } catch (StoreUnreachableException e) {
            return false;
        }
    }

    @AfterEach
    void mend() {
        proxy.heal();
    }

    @AfterAll
    void end() {
        started.values().forEach(ConfigurableApplicationContext::close);
        proxy.close();
    }

    private record Answer(int status, JsonNode body) {}

    private Answer ask(String method, String path, String... headers) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .method(method, HttpRequest.BodyPublishers.noBody());
        if (headers.length > 0) {
            request.headers(headers);
        }
        HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        String body = response.body();
        return new Answer(response.statusCode(), JsonMapper.shared().readTree(body.isEmpty() ? "null" : body));
    }

    private Answer get(String path) throws IOException, InterruptedException {
        return ask("GET", path);
    }

    private JsonNode health() throws IOException, InterruptedException {
        return get("/actuator/health").body().at("/components/distributedMutex");
    }

    // ---- health

    @Test
    void healthTellsTheHolderTheRoundTripAndWhatIsHeldAndWaitedFor() throws Exception {
        DistributedMutex mutex = start();
        try (Lease lease = mutex.acquire("job")) {
            CompletableFuture<Lease> waiter = mutex.acquireAsync("job");
            JsonNode health = health();
            assertThat(health.get("status").asString()).isEqualTo("UP");
            JsonNode details = health.get("details");
            assertThat(details.get("holder").asString()).isEqualTo("this one");
            assertThat(details.get("held").asInt()).isEqualTo(1);
            assertThat(details.get("waiting").asInt()).isEqualTo(1);
            assertThat(details.get("roundTripMillis").asDouble()).isPositive();
            assertThat(lease.isValid()).isTrue();
            waiter.cancel(false);
        }
    }

    @Test
    void itIsInNeitherLivenessNorReadinessUnlessAsked() throws Exception {
        start();
        assertThat(get("/actuator/health/liveness").body().toString()).doesNotContain("distributedMutex");
        assertThat(get("/actuator/health/readiness").body().toString()).doesNotContain("distributedMutex");

        start("management.endpoint.health.group.readiness.include=readinessState,distributedMutex");
        assertThat(get("/actuator/health/readiness").body().toString()).contains("distributedMutex");
    }

    @Test
    void aSlowRedisIsUp() throws Exception {
        start();
        proxy.delay(Direction.TO_CLIENT, Duration.ofMillis(300));

        JsonNode health = health();
        assertThat(health.get("status").asString()).isEqualTo("UP");
        assertThat(health.at("/details/roundTripMillis").asDouble()).isGreaterThanOrEqualTo(300);
    }

    @Test
    void aRedisThatDoesNotAnswerInTimeIsUnknownAndOneThatIsAwayIsDown() throws Exception {
        start("distributed-mutex.redis.command-timeout=10s");
        proxy.hold(Direction.TO_CLIENT);
        JsonNode silent = health();
        assertThat(silent.get("status").asString()).isEqualTo("UNKNOWN");
        assertThat(silent.at("/details/error").asString()).contains("time-out of 10 s");

        proxy.heal();
        redis.kill();
        Await.until(() -> health().get("status").asString().equals("DOWN"));
        assertThat(get("/actuator/health").status()).isEqualTo(503);

        redis.restart();
        Await.until(() -> health().get("status").asString().equals("UP"));
    }

    @Test
    void healthCanBeLeftOut() throws Exception {
        start("management.health.distributed-mutex.enabled=false");
        assertThat(health().isMissingNode()).isTrue();
    }

    @Test
    void infoTellsTheHolder() throws Exception {
        start();
        assertThat(get("/actuator/info").body().at("/distributedMutex/holder").asString())
                .isEqualTo("this one");
    }

    // ---- locks

    @Test
    void locksAreWhatThisInstanceHoldsAndWaitsForInOrder() throws Exception {
        DistributedMutex mutex = start();
        try (Lease lease = mutex.acquire("job")) {
            CompletableFuture<Lease> future = mutex.acquireAsync("job");
            Thread thread =
                    new Thread(() -> mutex.acquire("job", Duration.ofMinutes(1)).close(), "worker");
            thread.start();
            Await.until("both wait", () -> mutex.status().waiting().size() == 2);

            Answer answer = get("/actuator/locks");
            assertThat(answer.status()).isEqualTo(200);
            JsonNode locks = answer.body();
            assertThat(locks.get("holder").asString()).isEqualTo("this one");
            assertThat(locks.get("held")).hasSize(1);
            JsonNode held = locks.at("/held/0");
            assertThat(held.get("key").asString()).isEqualTo("job");
            assertThat(held.get("fencingToken").asLong()).isEqualTo(lease.fencingToken());
            assertThat(held.get("state").asString()).isEqualTo(LeaseState.HELD.name());
            assertThat(held.get("remainingMillis").asLong()).isBetween(1L, 60_000L);
            assertThat(held.get("heldMillis").asLong()).isNotNegative();
            assertThat(held.get("thread").asString())
                    .isEqualTo(Thread.currentThread().getName());
            assertThat(locks.get("waiting")).hasSize(2);
            assertThat(locks.at("/waiting/0/thread").isNull()
                            || locks.at("/waiting/0/thread").isMissingNode())
                    .isTrue();
            assertThat(locks.at("/waiting/1/thread").asString()).isEqualTo("worker");
            assertThat(locks.at("/waiting/1/leftMillis").asLong()).isBetween(1L, 60_000L);

            future.cancel(false);
            lease.close();
            thread.join();
        }
    }

    @Test
    void oneKeyIsToldWhoeverHoldsItAlsoWithSlashes() throws Exception {
        DistributedMutex mutex = start();
        try (Lease lease = mutex.acquire("tenant/1:settings")) {
            JsonNode held = get("/actuator/locks/tenant/1:settings").body();
            assertThat(held.get("key").asString()).isEqualTo("tenant/1:settings");
            assertThat(held.get("held").asBoolean()).isTrue();
            assertThat(held.get("holder").asString()).isEqualTo("this one");
            assertThat(held.get("fencingToken").asLong()).isEqualTo(lease.fencingToken());
            assertThat(held.get("remainingMillis").asLong()).isBetween(1L, 60_000L);
            assertThat(held.get("waiters").asInt()).isZero();
            assertThat(lease.release()).isTrue();
        }
        JsonNode free = get("/actuator/locks/tenant/1:settings").body();
        assertThat(free.get("held").asBoolean()).isFalse();
    }

    @Test
    void aKeyThatIsTooLongIsABadRequest() throws Exception {
        start();
        assertThat(get("/actuator/locks/" + "k".repeat(513)).status()).isEqualTo(400);
    }

    @Test
    void withoutRedisAKeyIsAnswered503() throws Exception {
        start("distributed-mutex.redis.command-timeout=10s");
        proxy.hold(Direction.TO_CLIENT);

        Answer answer = get("/actuator/locks/job");
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.body().get("error").asString()).contains("time-out of 10 s");
    }

    @Test
    void releaseByForceIsRefusedUnlessWritesAreAllowed() throws Exception {
        DistributedMutex mutex = start();
        try (Lease lease = mutex.acquire("job")) {
            assertThat(ask("DELETE", "/actuator/locks/job").status()).isEqualTo(405);
            assertThat(redis.command("EXISTS", "lock:job")).isEqualTo(1L);
            assertThat(lease.isValid()).isTrue();
        }
    }

    @Test
    void releaseByForceFreesTheKeyAndTheLogSaysWhoDidIt() throws Exception {
        DistributedMutex mutex = start("management.endpoint.locks.access=unrestricted");
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        lines.start();
        Logger logger = (Logger) LoggerFactory.getLogger(LocksEndpoint.class);
        logger.addAppender(lines);
        try {
            Lease lease = mutex.acquire("tenant/1");
            Answer answer = ask("DELETE", "/actuator/locks/tenant/1", "User", "ann");
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.body().get("fencingToken").asLong()).isEqualTo(lease.fencingToken());
            assertThat(redis.command("EXISTS", "lock:tenant/1")).isEqualTo(0L);
            lease.close();
            ask("DELETE", "/actuator/locks/nobodys");
        } finally {
            logger.detachAppender(lines);
        }
        assertThat(lines.list)
                .extracting(event -> event.getLevel() + " " + event.getFormattedMessage())
                .containsExactly(
                        "WARN 'ann' releases 'tenant/1' by force",
                        "WARN somebody who did not log in releases 'nobodys' by force");
    }

    // ---- the end

    @Test
    void aRequestThatLocksMayEndWhenTheApplicationShutsDown() throws Exception {
        start("distributed-mutex.shutdown-patience=1m");
        ConfigurableApplicationContext context = started.values().stream()
                .filter(each -> each.getEnvironment()
                        .getProperty("distributed-mutex.shutdown-patience", "")
                        .equals("1m"))
                .findFirst()
                .orElseThrow();
        Work work = context.getBean(Work.class);
        CompletableFuture<HttpResponse<String>> answer = client.sendAsync(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/work"))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(work.entered.await(60, TimeUnit.SECONDS)).isTrue();

        CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close, OwnThread.EACH);
        Await.until("it closes", context::isClosed);
        work.mayEnd.countDown();

        assertThat(answer)
                .succeedsWithin(Await.BOUND)
                .satisfies(response -> assertThat(response.body()).isEqualTo("done"));
        assertThat(closing).succeedsWithin(Await.BOUND);
        assertThat(redis.command("DBSIZE")).as("keys that are left").isEqualTo(fences());
    }

    /** One counter of fencing tokens for each slot that was used; they stay. */
    private long fences() {
        return ((List<?>) redis.command("KEYS", "dmutex:*")).size();
    }
}
