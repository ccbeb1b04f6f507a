package io.distributedmutex.examples.tenants;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.core.JdbcTemplate;

/** Two instances on one Redis and one PostgreSQL. */
class TenantApplicationTest {

    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private static EmbeddedRedis redis;
    private static EmbeddedPostgres postgres;
    private static ConfigurableApplicationContext one;
    private static ConfigurableApplicationContext two;

    @BeforeAll
    static void start() throws Exception {
        redis = EmbeddedRedis.start();
        postgres = EmbeddedPostgres.start();
        one = instance("one");
        two = instance("two");
    }

    @AfterAll
    static void stop() throws Exception {
        one.close();
        two.close();
        postgres.close();
        redis.close();
    }

    private static ConfigurableApplicationContext instance(String label) {
        List<String> properties = new ArrayList<>(Playground.properties(label, 0, List.of(), redis, postgres));
        // What a busy machine needs: for a hundred updates, for a holder that is to be seen, and for the first
        // connection.
        properties.add("--distributed-mutex.wait-time=1m");
        properties.add("--distributed-mutex.lease-time=6s");
        properties.add("--distributed-mutex.redis.command-timeout=30s");
        return new SpringApplicationBuilder(TenantApplication.class).run(properties.toArray(String[]::new));
    }

    private static String url(ConfigurableApplicationContext instance, String path) {
        return "http://127.0.0.1:" + instance.getEnvironment().getProperty("local.server.port") + path;
    }

    private static HttpResponse<String> get(ConfigurableApplicationContext instance, String path) throws Exception {
        return CLIENT.send(
                HttpRequest.newBuilder(URI.create(url(instance, path))).build(), BodyHandlers.ofString());
    }

    private static CompletableFuture<HttpResponse<String>> update(
            ConfigurableApplicationContext instance, String tenant, String plan, long thinkMillis) {
        return CLIENT.sendAsync(
                HttpRequest.newBuilder(URI.create(
                                url(instance, "/tenants/" + tenant + "?plan=" + plan + "&thinkMillis=" + thinkMillis)))
                        .POST(HttpRequest.BodyPublishers.noBody())
                        .build(),
                BodyHandlers.ofString());
    }

    private static TenantSettings.Row row(String tenant) {
        return one.getBean(TenantSettings.class).all().stream()
                .filter(row -> row.tenant().equals(tenant))
                .findFirst()
                .orElseThrow();
    }

    private static void awaitHolder(String tenant, String label) {
        Await.until(
                "the key to be held by " + label,
                () -> redis.command("EXISTS", "lock:tenant:" + tenant + ":settings")
                        .equals(1L));
    }

    @Test
    void noUpdateIsLostHoweverManyComeAtOnce() {
        List<CompletableFuture<HttpResponse<String>>> updates = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            updates.add(update(i % 2 == 0 ? one : two, "contended", "gold", 0));
        }
        updates.forEach(each -> assertThat(each.join().statusCode()).isEqualTo(200));
        assertThat(row("contended").version()).isEqualTo(100);
    }

    @Test
    void aHolderThatFellAsleepIsOvertakenAndItsWriteRefused() {
        CompletableFuture<HttpResponse<String>> asleep = update(one, "123", "stale", 13_000);
        awaitHolder("123", "one");
        // Waits until the lease has ended.
        assertThat(update(two, "123", "gold", 0).join().body()).contains("\"version\":1");

        HttpResponse<String> refused = asleep.join();
        assertThat(refused.statusCode()).isEqualTo(412);
        assertThat(refused.body()).contains("is stale");
        assertThat(row("123")).isEqualTo(new TenantSettings.Row("123", "gold", 1, "two"));
        assertThat(one.getBean(RecentEvents.class).latestFirst())
                .anyMatch(line -> line.contains("REFUSED by the database"))
                .anyMatch(line -> line.contains("LOST tenant:123:settings (EXPIRED)"));
    }

    @Test
    void aHolderThatFellAsleepAloneHasLostItsLeaseAndIsToldSo() {
        // Nobody else has written: the database has seen no greater token, so the write counts; its caller is told.
        HttpResponse<String> late = update(one, "alone", "gold", 6_500).join();
        assertThat(late.statusCode()).isEqualTo(409);
        assertThat(late.body()).contains("was lost while its work ran");
    }

    @Test
    void thePageShowsWhoHoldsAndWhoWaits() throws Exception {
        assertThat(get(one, "/").body()).contains("Tenant settings, one writer at a time");
        CompletableFuture<HttpResponse<String>> holds = update(one, "shown", "gold", 4_000);
        awaitHolder("shown", "one");
        CompletableFuture<HttpResponse<String>> waits = update(two, "shown", "silver", 0);

        Await.until("both to be shown, and the lock by the endpoint too", () -> {
            try {
                return get(one, "/state").body().contains("\"held\":[{\"key\":\"tenant:shown:settings\"")
                        && get(two, "/state").body().contains("\"waiting\":[{\"key\":\"tenant:shown:settings\"")
                        && get(one, "/actuator/locks").body().contains("tenant:shown:settings");
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        assertThat(holds.join().statusCode()).isEqualTo(200);
        assertThat(waits.join().statusCode()).isEqualTo(200);
        assertThat(row("shown").plan()).isEqualTo("silver");
        assertThat(get(one, "/actuator/health").body()).contains("UP");
        assertThat(one.getBean(JdbcTemplate.class).queryForObject("SELECT count(*) FROM fencing_token", Integer.class))
                .isPositive();
    }
}
