package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Subscribed means confirmed: a subscription that was refused, or lost, is asked for until it is there. */
class SubscriptionTest {

    private final EmbeddedRedis redis = EmbeddedRedis.start();
    private final FaultyProxy proxy = FaultyProxy.to(redis.port());
    private final Logger logger = (Logger) LoggerFactory.getLogger(RedisLockStore.class);
    private final ListAppender<ILoggingEvent> logged = new ListAppender<>();

    @BeforeEach
    void listen() {
        redis.command("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all");
        logged.start();
        logger.setAdditive(false);
        logger.addAppender(logged);
    }

    @AfterEach
    void stop() {
        logger.detachAppender(logged);
        logger.setAdditive(true);
        proxy.close();
        redis.close();
    }

    @Test
    void whileChannelsAreDeniedItIsAskedForAgainAndToldOnce() {
        try (StartedStore store = started()) {
            unsubscribe();
            int asked = refusals("subscribe");
            Await.until("it is asked for again", () -> refusals("subscribe") >= asked + 3);

            assertThat(warnings())
                    .singleElement()
                    .asString()
                    .contains("not subscribed to pushes")
                    .contains("NOPERM");
            redis.command("ACL", "SETUSER", "app", "allchannels");

            assertPushWorks(store);
            Await.until("it is told", () -> warnings().size() == 2);
            assertThat(warnings().get(1)).endsWith("subscribed to pushes again");
            assertThat(store.reconnections()).isOne();
        }
    }

    @Test
    void aWaiterThatIsNotSubscribedKeepsItsPlaceAndFindsItsGrantByItsPoll() {
        try (StartedStore deaf = startedUnsubscribed();
                StartedStore holder = StartedStore.on(redis);
                StartedStore next = StartedStore.on(redis)) {
            String held = newToken();
            String first = newToken();
            String second = newToken();
            get(holder.tryAcquire("k", held));
            get(poll(deaf, first, 8_000));
            get(next.queue("k", second));

            get(holder.store().release("k", held, 0));

            assertThat((String) redis.command("GET", "lock:k")).startsWith(first + "|");
            assertThat((Long) redis.command("PTTL", "lock:k")).isBetween(1L, 2_000L);
            assertThat(get(poll(deaf, first, 8_000))).isInstanceOf(AcquireReply.Granted.class);
            // Its own user may not publish.
            get(holder.store().forceRelease("k"));
            StartedStore.Grant grant = next.nextGrant();
            assertThat(grant).isNotNull();
            assertThat(grant.token()).isEqualTo(second);
        }
    }

    @Test
    void aWaiterThatIsNotSubscribedAndPollsTooLateForAGrantIsPassedOver() {
        try (StartedStore deaf = startedUnsubscribed();
                StartedStore holder = StartedStore.on(redis);
                StartedStore next = StartedStore.on(redis)) {
            String held = newToken();
            String second = newToken();
            get(holder.tryAcquire("k", held));
            get(poll(deaf, newToken(), 8_004));
            get(next.queue("k", second));

            get(holder.store().release("k", held, 0));

            StartedStore.Grant grant = next.nextGrant();
            assertThat(grant).isNotNull();
            assertThat(grant.token()).isEqualTo(second);
        }
    }

    @Test
    void anInstanceThatIsNotSubscribedGetsItsTurnsBesideThoseThatAre() throws Exception {
        AtomicBoolean ended = new AtomicBoolean();
        List<DistributedMutex> others = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        AtomicInteger turns = new AtomicInteger();
        try (DistributedMutex deaf = RedisMutex.connect("redis://app:secret@127.0.0.1:" + proxy.port())) {
            unsubscribe();
            for (int i = 0; i < 3; i++) {
                DistributedMutex other = RedisMutex.connect(redis.uri());
                others.add(other);
                Thread thread = new Thread(() -> {
                    while (!ended.get()) {
                        other.run("k", lease -> turns.incrementAndGet());
                    }
                });
                threads.add(thread);
                thread.start();
            }
            for (int i = 0; i < 5; i++) {
                int before = turns.get();
                deaf.with(o -> o.waitTime(Await.BOUND)).acquire("k").close();
                Await.until("others have theirs", () -> turns.get() >= before + 3);
            }
        } finally {
            ended.set(true);
            for (Thread thread : threads) {
                thread.join();
            }
            others.forEach(DistributedMutex::close);
        }
    }

    @Test
    void eachConnectionHasANameOfItsOwnAndAWaiterKeepsItsPlaceUnderTheNewOne() {
        try (StartedStore waiter = started();
                StartedStore holder = StartedStore.on(redis);
                StartedStore next = StartedStore.on(redis)) {
            String held = newToken();
            String first = newToken();
            get(holder.tryAcquire("k", held));
            get(waiter.queue("k", first));
            get(next.queue("k", newToken()));
            List<?> before = queue();
            reconnect(waiter);

            get(waiter.queue("k", first));

            assertThat(queue()).hasSize(2).element(1).isEqualTo(before.get(1));
            assertThat(queue().get(0)).isNotEqualTo(before.get(0));
            assertThat((Long) redis.command("HLEN", companion("waiters"))).isEqualTo(2);
            String channel = "dmutex:grants:" + ((String) before.get(0)).split("\\|")[1];
            assertThat(redis.command("PUBSUB", "NUMSUB", channel)).isEqualTo(List.of(channel, 0L));
            get(holder.store().release("k", held, 0));
            StartedStore.Grant grant = waiter.nextGrant();
            assertThat(grant).isNotNull();
            assertThat(grant.token()).isEqualTo(first);
        }
    }

    @Test
    void whoGivesUpLeavesNothingUnderTheNameBefore() {
        try (StartedStore waiter = started();
                StartedStore holder = StartedStore.on(redis)) {
            String token = newToken();
            get(holder.tryAcquire("k", newToken()));
            get(waiter.queue("k", token));
            assertThat(queue()).hasSize(1);
            reconnect(waiter);

            get(waiter.store().cancel("k", token));

            assertThat((List<?>) redis.command("KEYS", "dmutex:*:lock:k")).isEmpty();
        }
    }

    private void reconnect(StartedStore store) {
        proxy.cut();
        Await.until("reconnected", () -> store.reconnections() == 1);
    }

    private List<?> queue() {
        return (List<?>) redis.command("ZRANGE", companion("queue"), "0", "-1");
    }

    private String companion(String kind) {
        return (String) ((List<?>) redis.command("KEYS", "dmutex:*:" + kind + ":lock:k")).get(0);
    }

    private StartedStore startedUnsubscribed() {
        StartedStore store = started();
        unsubscribe();
        return store;
    }

    private void unsubscribe() {
        redis.command("ACL", "SETUSER", "app", "resetchannels");
        redis.command("CLIENT", "KILL", "TYPE", "pubsub");
        Await.until("it is told", () -> !warnings().isEmpty());
    }

    private static CompletionStage<AcquireReply> poll(StartedStore waiter, String token, long aliveMillis) {
        return waiter.store().acquire(new AcquireRequest("k", token, 10_000, true, 2_000, aliveMillis, null));
    }

    @Test
    void whileAScriptBlocksTheServerItIsAskedForAgain() {
        redis.command("CONFIG", "SET", "lua-time-limit", "1");
        try (StartedStore store = started()) {
            CompletableFuture<Void> script = CompletableFuture.runAsync(
                    () -> {
                        try {
                            redis.command("EVAL", "while true do end", "0");
                        } catch (EmbeddedRedisException killed) {
                            // As it should.
                        }
                    },
                    OwnThread.EACH);
            Await.until("the server is busy", () -> isBusy("PING"));
            proxy.cut();
            Await.until("the server has refused it", () -> warnings().toString().contains("BUSY"));
            Await.until("the script is killed", () -> !isBusy("SCRIPT", "KILL"));
            script.join();

            Await.until(
                    "it works again",
                    () -> !store.store()
                            .inspect("k")
                            .handle((info, error) -> error != null)
                            .toCompletableFuture()
                            .join());
            assertPushWorks(store);
        }
    }

    @Test
    void aConnectionForPushesThatDoesNotComeBackIsToldOf() throws IOException {
        try (Socket administrator = new Socket("127.0.0.1", redis.port());
                StartedStore store = started()) {
            say(administrator, "CONFIG SET maxclients 2", "+OK");
            say(administrator, "CLIENT KILL TYPE pubsub", ":1");
            Await.until("it is told", () -> !warnings().isEmpty());

            assertThat(warnings()).singleElement().asString().contains("there is no connection for them");
            say(administrator, "CONFIG SET maxclients 100", "+OK");

            assertPushWorks(store);
            Await.until("it is told", () -> warnings().size() == 2);
        }
    }

    @Test
    void anInterruptionIsNothingToTellOf() {
        try (StartedStore store = started()) {
            for (int i = 1; i <= 3; i++) {
                int told = i;
                redis.command("CLIENT", "KILL", "TYPE", "pubsub");
                Await.until("reconnected", () -> store.reconnections() == told);
            }
            assertPushWorks(store);
            assertThat(warnings()).isEmpty();
        }
    }

    @Test
    void aSubscriptionThatIsNotAnsweredGetsAnotherConnection() throws IOException {
        try (FakeRedis fake = new FakeRedis(command -> "+OK\r\n");
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(fake.uri())
                                .startCheck(false)
                                .commandTimeout(Duration.ofMillis(200))
                                .connect(),
                        "label")) {
            fake.ignoreSubscriptions(true).cut();
            Await.until("it is asked for on several connections", () -> fake.ignoredSubscriptions() >= 3);
            int before = store.reconnections();
            fake.ignoreSubscriptions(false);

            Await.until("it is told of", () -> store.reconnections() > before);
        }
    }

    @Test
    void pushesThatAreNoGrantsAreDroppedCountedAndToldOfOnce() throws IOException {
        String token = newToken();
        try (FakeRedis fake = new FakeRedis(command -> "+OK\r\n");
                StartedStore store = new StartedStore(
                        RedisLockStore.builder()
                                .uri(fake.uri())
                                .startCheck(false)
                                .connect(),
                        "label")) {
            for (int i = 0; i < 3; i++) {
                fake.push(message("7|64|" + token + "|lock:" + "k".repeat(513)));
            }
            fake.push(message("7|64|" + token + "|lock:" + "k".repeat(512)));

            assertThat(store.nextGrant()).isEqualTo(new StartedStore.Grant("k".repeat(512), token, 7, 64));
            assertThat(store.hasGrants()).isFalse();
            assertThat(warnings()).singleElement().asString().startsWith("dropped 1 pushes that are no grants");
        }
    }

    private static String message(String text) {
        return "*3\r\n" + FakeRedis.bulk("message") + FakeRedis.bulk("channel") + FakeRedis.bulk(text);
    }

    private StartedStore started() {
        return new StartedStore(
                RedisLockStore.builder()
                        .uri("redis://app:secret@127.0.0.1:" + proxy.port())
                        .connect(),
                "label");
    }

    /** Until it is subscribed again a push is lost, and its waiter has to queue anew. */
    private void assertPushWorks(StartedStore waiter) {
        Await.until("pushes work", () -> {
            String key = newToken();
            String holder = newToken();
            String token = newToken();
            try (StartedStore other = StartedStore.on(redis)) {
                get(other.tryAcquire(key, holder));
                get(waiter.queue(key, token));
                get(other.store().release(key, holder, 0));
            }
            // Asked after the push, on another connection: soon enough for the next round.
            get(waiter.store().cancel(key, token));
            return waiter.hasGrants();
        });
    }

    private boolean isBusy(String... command) {
        try {
            redis.command(command);
            return false;
        } catch (EmbeddedRedisException e) {
            return String.valueOf(e.getMessage()).contains("BUSY");
        }
    }

    private static void say(Socket administrator, String command, String answer) throws IOException {
        administrator.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.US_ASCII));
        assertThat(administrator.getInputStream().readNBytes(answer.length() + 2))
                .asString()
                .isEqualTo(answer + "\r\n");
    }

    /** How often a command was refused. */
    private int refusals(String command) {
        String stats = (String) redis.command("INFO", "commandstats");
        for (String line : stats.split("\r\n")) {
            if (line.startsWith("cmdstat_" + command + ":")) {
                int rejected = line.indexOf("rejected_calls=");
                return Integer.parseInt(line.substring(rejected + 15, line.indexOf(',', rejected)));
            }
        }
        return 0;
    }

    private List<String> warnings() {
        synchronized (logged) {
            return List.copyOf(logged.list).stream()
                    .filter(event -> event.getLevel() == Level.WARN)
                    .map(ILoggingEvent::getFormattedMessage)
                    .toList();
        }
    }
}
