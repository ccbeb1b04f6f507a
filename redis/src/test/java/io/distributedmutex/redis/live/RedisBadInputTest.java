package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

/** What users meet when something is wrong with what they give, or with the server: the type, the text, and no trace. */
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class RedisBadInputTest {

    private static final String KEY = "tenant:1";

    @Parameter
    RedisExecutable executable;

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private static EmbeddedRedis redis;
    private Instances instances;

    @BeforeParameterizedClassInvocation
    static void startServer(RedisExecutable executable) {
        redis = EmbeddedRedis.builder().executable(executable.path()).start();
    }

    @AfterParameterizedClassInvocation
    static void stopServer() {
        redis.close();
    }

    @BeforeEach
    void start() {
        if (redis.isAlive()) {
            redis.command("CONFIG", "SET", "maxmemory", "0");
            redis.command("CONFIG", "SET", "lua-time-limit", "5000");
            redis.command("FLUSHALL");
        } else {
            redis.restartEmpty();
        }
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        redis.resume();
        instances.close();
    }

    private static LockOptions waits(int millis) {
        return LockOptions.builder().waitTime(Duration.ofMillis(millis)).build();
    }

    private static void assertRefused(Throwable outcome, Reason reason, String... texts) {
        assertThat(outcome)
                .isInstanceOfSatisfying(
                        StoreRefusedException.class, e -> assertThat(e.reason()).isEqualTo(reason));
        assertThat(outcome).hasMessageContainingAll(texts);
    }

    private String server() {
        return "Redis at 127.0.0.1:" + redis.port();
    }

    // ---- what is refused before the server hears of it

    @Test
    void whatIsNoKeyNoDurationOrNoFormatIsRefusedWithoutACommand() {
        DistributedMutex mutex = instances.add("A");
        MutexAdapter adapter = new MutexAdapter(mutex);
        Lease lease = mutex.acquire(KEY);
        String tooLong = "x".repeat(513);
        try (CommandLog log = CommandLog.of(redis)) {
            for (Function<String, ?> method : List.<Function<String, ?>>of(
                    mutex::acquire,
                    mutex::tryAcquire,
                    mutex::acquireAsync,
                    mutex::asLock,
                    mutex::inspect,
                    mutex::forceRelease,
                    adapter::acquire,
                    adapter::release)) {
                assertThat(catchThrowable(() -> method.apply("")))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("key must not be empty");
                assertThat(catchThrowable(() -> method.apply(tooLong)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContainingAll("key must have at most 512 characters, but has 513", "xxxx");
                assertThat(catchThrowable(() -> method.apply("half \ud83d")))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("key is not well-formed Unicode: unpaired surrogate \\uD83D at index 5");
            }
            assertThat(catchThrowable(() -> mutex.acquire(null)))
                    .isInstanceOf(NullPointerException.class)
                    .hasMessage("key");
            for (Duration duration : List.of(
                    Duration.ZERO,
                    Duration.ofMillis(-1),
                    Duration.ofNanos(999_999),
                    Duration.ofMillis(9),
                    Duration.ofDays(366),
                    Duration.ofSeconds(Long.MAX_VALUE))) {
                for (Consumer<Duration> method : List.<Consumer<Duration>>of(
                        lease::extend,
                        lease::ensure,
                        d -> mutex.with(o -> o.leaseTime(d)),
                        d -> LockOptions.builder().leaseTime(d).build())) {
                    assertThat(catchThrowable(() -> method.accept(duration)))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageMatching("(extend|ensure|leaseTime) must be from 10 ms to 365 days, but is .+");
                }
            }
            assertThat(catchThrowable(() -> adapter.acquire(KEY, Duration.ofMillis(-1))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("waitTime must be from 0 ms to 365 days, but is -1 ms");
            assertThat(catchThrowable(() ->
                            mutex.with(o -> o.leaseTime(Duration.ofMillis(299)).autoRenew(Duration.ofMinutes(1)))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("autoRenew needs a leaseTime of at least 300 ms so that a lost renewal can be repeated,"
                            + " but leaseTime is 299 ms");
            assertThat(catchThrowable(() -> adapter.acquiref("tenant:%s:%s", 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("the format 'tenant:%s:%s' does not fit its 1 arguments: Format specifier '%s'");
            assertThat(catchThrowable(() -> adapter.acquiref("tenant:%d", "one")))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("the format 'tenant:%d' does not fit its 1 arguments: d != java.lang.String");
            assertThat(catchThrowable(() -> adapter.releasef("tenant:%y", 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("the format 'tenant:%y' does not fit its 1 arguments: ");

            assertThat(log.take()).isEmpty();
        }
        assertThat(lease.release()).isTrue();
        RedisContents.assertNothingLeft(redis);
    }

    // ---- keys that are something else

    @Test
    void aKeyThatHoldsAHashOrAListIsLeftAsItIsByEveryMethod() throws Exception {
        DistributedMutex mutex = instances.add("A");
        MutexAdapter adapter = new MutexAdapter(mutex);
        redis.command("HSET", "lock:hash", "field", "value");
        redis.command("RPUSH", "lock:list", "element");
        for (String key : List.of("hash", "list")) {
            for (Function<String, ?> method : List.<Function<String, ?>>of(
                    mutex::acquire,
                    mutex::tryAcquire,
                    k -> {
                        mutex.asLock(k).lock();
                        return null;
                    },
                    mutex::inspect,
                    mutex::forceRelease)) {
                long begun = System.nanoTime();
                Throwable outcome = catchThrowable(() -> method.apply(key));
                assertRefused(
                        outcome,
                        Reason.WRONG_TYPE,
                        "'" + key + "' not ",
                        server() + " refused ",
                        "WRONGTYPE Operation against a key holding the wrong kind of value",
                        "the key '" + key + "' or one of its companions holds something that is not a lock;"
                                + " remove it or use another key prefix");
                // It will not pass by itself, so it is not tried again for the 5 s of the wait time.
                assertThat(Stalls.millisSince(begun)).isLessThan(2_000 + stalls.allowanceMillis());
            }
            assertRefused(
                    mutex.acquireAsync(key).handle((lease, error) -> error).get(5, TimeUnit.SECONDS),
                    Reason.WRONG_TYPE,
                    "'" + key + "' not acquired");
            assertThat(errorsOf(() -> assertThat(adapter.acquire(key)).isFalse()))
                    .singleElement()
                    .asString()
                    .startsWith("acquire failed: '" + key + "' not acquired: ");
        }
        assertThat(redis.command("HGET", "lock:hash", "field")).isEqualTo("value");
        assertThat(redis.command("LRANGE", "lock:list", "0", "-1")).isEqualTo(List.of("element"));
        assertThat(RedisContents.leftovers(redis)).containsExactly("lock:hash", "lock:list");
    }

    @Test
    void aLeaseWhoseKeyBecomesSomethingElseIsLost() {
        DistributedMutex mutex = instances.add("A");
        Lease lease = mutex.acquire(KEY);
        redis.command("DEL", "lock:" + KEY);
        redis.command("HSET", "lock:" + KEY, "field", "value");

        assertRefused(
                catchThrowable(lease::release), Reason.WRONG_TYPE, "release of 'tenant:1' not confirmed", "WRONGTYPE");
        assertThat(redis.command("HGET", "lock:" + KEY, "field")).isEqualTo("value");
        assertThat(RedisContents.leftovers(redis)).containsExactly("lock:" + KEY);
    }

    // ---- servers that cannot be used

    @Test
    void anAbsentServerAndAWrongPasswordAreToldWhenConnecting() {
        redis.kill();
        assertThat(catchThrowable(() -> RedisMutex.connect(redis.uri())))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContainingAll("could not connect to " + server(), "Connection refused");

        try (EmbeddedRedis guarded = EmbeddedRedis.builder()
                .executable(executable.path())
                .password("s3cret")
                .start()) {
            assertRefused(
                    catchThrowable(() -> RedisMutex.connect("redis://:guess3d@127.0.0.1:" + guarded.port())),
                    Reason.AUTHENTICATION,
                    "Redis at 127.0.0.1:" + guarded.port() + " refused the connection: WRONGPASS",
                    "check the user name and password");
            assertThat(catchThrowable(() -> RedisMutex.connect("redis://:guess3d@127.0.0.1:" + guarded.port())))
                    .hasMessageNotContaining("guess3d");
            assertRefused(
                    catchThrowable(() -> RedisMutex.connect("redis://127.0.0.1:" + guarded.port())),
                    Reason.AUTHENTICATION,
                    "NOAUTH");
            assertThat(RedisContents.keys(guarded)).isEmpty();
        }
    }

    @Test
    void aServerThatIsTooOldIsToldWhenConnecting() throws Exception {
        try (ServerSocket old = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Thread server = new Thread(() -> serveAsVersion(old, "5.0.14"), "old-redis");
            server.setDaemon(true);
            server.start();

            assertRefused(
                    catchThrowable(() -> RedisMutex.connect("redis://127.0.0.1:" + old.getLocalPort())),
                    Reason.TOO_OLD,
                    "Redis at 127.0.0.1:" + old.getLocalPort() + " is of version 5.0.14, but 6.2 or later is needed");
        }
    }

    @Test
    void aReplicaIsToldApartAndIsTriedAgainForTheWaitTime() {
        Lease held = instances.add("holder").acquire("held");
        try (EmbeddedRedis replica = EmbeddedRedis.builder()
                        .executable(executable.path())
                        .replicaOf(redis)
                        .start();
                Instances misled = new Instances(replica)) {
            DistributedMutex mutex = misled.add("A", waits(500));
            String[] texts = {
                "Redis at 127.0.0.1:" + replica.port() + " refused acquire of 'tenant:1'",
                "READONLY",
                "connect to the primary, or wait until this replica is promoted"
            };
            assertRefused(catchThrowable(() -> mutex.tryAcquire(KEY)), Reason.READ_ONLY, texts);
            long begun = System.nanoTime();
            assertRefused(catchThrowable(() -> mutex.acquire(KEY)), Reason.READ_ONLY, texts);
            assertThat(System.nanoTime() - begun).isGreaterThan(500_000_000);
            assertThat(mutex.inspect("held").orElseThrow().holder()).contains("holder");
            assertThat(RedisContents.leftovers(replica)).containsExactly("lock:held");

            // It passes when the replica is promoted, while somebody waits.
            CompletableFuture<Lease> waiting =
                    mutex.with(o -> o.waitTime(Duration.ofSeconds(10))).acquireAsync(KEY);
            replica.command("REPLICAOF", "NO", "ONE");
            assertThat(waiting.orTimeout(5, TimeUnit.SECONDS).join().release()).isTrue();
            assertThat(RedisContents.leftovers(replica)).containsExactly("lock:held");
        }
        assertThat(held.release()).isTrue();
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void aServerOutOfMemoryTakesNoWaitersButLetsTheHolderGo() throws Exception {
        DistributedMutex holder = instances.add("holder");
        DistributedMutex mutex = instances.add("A", waits(400));
        MutexAdapter adapter = new MutexAdapter(mutex);
        Lease held = holder.acquire(KEY);
        redis.command("CONFIG", "SET", "maxmemory", "1");

        Throwable outcome = catchThrowable(() -> mutex.acquire(KEY));
        assertRefused(
                outcome,
                Reason.OUT_OF_MEMORY,
                "'tenant:1' not acquired within 400 ms: " + server() + " refused acquire of 'tenant:1': ",
                "OOM command not allowed when used memory > 'maxmemory'",
                "raise its maxmemory, or free memory");
        assertThat(((StoreException) outcome).isTransient()).isTrue();
        assertThat(errorsOf(() -> assertThat(adapter.acquire(KEY)).isFalse()))
                .singleElement()
                .asString()
                .startsWith("acquire failed: 'tenant:1' not acquired within 400 ms: ");
        assertThat(RedisContents.leftovers(redis)).containsExactly("lock:" + KEY);
        // Who holds can still extend and release.
        held.extend(Duration.ofSeconds(30));
        assertThat(held.release()).isTrue();
        assertThat(RedisContents.leftovers(redis)).isEmpty();
        // A free key may be granted or refused, as the server likes; in no case does anything remain.
        try (Lease maybe = mutex.tryAcquire(KEY).orElse(null)) {
            assertThat(maybe == null || maybe.isValid()).isTrue();
        } catch (StoreRefusedException refused) {
            assertThat(refused.reason()).isEqualTo(Reason.OUT_OF_MEMORY);
        }
        RedisContents.assertNothingLeft(redis);

        // It passes when there is memory again, while somebody waits.
        redis.command("CONFIG", "SET", "maxmemory", "0");
        held = holder.with(o -> o.leaseTime(Duration.ofMillis(300))).acquire(KEY);
        redis.command("CONFIG", "SET", "maxmemory", "1");
        CompletableFuture<Lease> waiting =
                mutex.with(o -> o.waitTime(Duration.ofSeconds(10))).acquireAsync(KEY);
        redis.command("CONFIG", "SET", "maxmemory", "0");
        assertThat(waiting.get(60, TimeUnit.SECONDS).release()).isTrue();
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void aServerBusyWithAScriptIsTriedAgainForTheWaitTime() throws Exception {
        DistributedMutex mutex = instances.add("A", waits(500));
        redis.command("CONFIG", "SET", "lua-time-limit", "20");
        CompletableFuture<Throwable> script = CompletableFuture.supplyAsync(
                () -> catchThrowable(() -> redis.command("EVAL", "while true do end", "0")), OwnThread.EACH);
        Await.until("the server to be busy", () -> {
            try {
                redis.command("PING");
                return false;
            } catch (RuntimeException busy) {
                return String.valueOf(busy.getMessage()).contains("BUSY");
            }
        });
        String[] texts = {
            server() + " refused acquire of 'tenant:1': BUSY Redis is busy running a script",
            "somebody's script or module keeps it busy; it passes when that has ended or is killed"
        };
        assertRefused(catchThrowable(() -> mutex.tryAcquire(KEY)), Reason.BUSY, texts);
        assertRefused(catchThrowable(() -> mutex.acquire(KEY)), Reason.BUSY, texts);
        assertRefused(catchThrowable(() -> mutex.inspect(KEY)), Reason.BUSY, "'tenant:1' not inspected: ");

        CompletableFuture<Lease> waiting =
                mutex.with(o -> o.waitTime(Duration.ofSeconds(60))).acquireAsync(KEY);
        redis.command("SCRIPT", "KILL");
        assertThat(waiting.get(60, TimeUnit.SECONDS).release()).isTrue();
        script.get(60, TimeUnit.SECONDS);
        RedisContents.assertNothingLeft(redis);
    }

    @Test
    void anAnswerAfterTheTimeOutIsAnErrorAndItsGrantIsGivenBack() {
        DistributedMutex mutex = instances.add(
                builder -> builder.commandTimeout(Duration.ofMillis(150)).options(waits(0)));
        MutexAdapter adapter = new MutexAdapter(mutex);
        // The first call loads classes and the script, and may take longer than that.
        Await.until(
                "the scripts to be loaded",
                () -> catchThrowable(() -> mutex.acquire("warm").release()) == null);
        redis.pause();
        String text = server() + " did not answer acquire of 'tenant:1' within the command time-out of 150 ms;"
                + " it may have taken effect";
        assertThat(catchThrowable(() -> mutex.tryAcquire(KEY)))
                .isInstanceOf(StoreUnreachableException.class)
                .satisfiesAnyOf(
                        e -> assertThat(e).hasMessage("'tenant:1' not acquired: " + text),
                        // The second silence in a row makes the client reconnect.
                        e -> assertThat(e).hasMessageContaining("the connection to " + server() + " was lost"));
        assertThat(errorsOf(() -> assertThat(adapter.acquire(KEY)).isFalse()))
                .singleElement()
                .asString()
                .startsWith("acquire failed: 'tenant:1' not acquired: ");
        redis.resume();
        RedisContents.assertNothingLeft(redis);
        Await.until("the key to be had", () -> {
            try {
                return mutex.acquire(KEY).release();
            } catch (StoreUnreachableException reconnecting) {
                return false;
            }
        });
    }

    @Test
    void aFenceOfAnotherTypeCostsNothing() {
        DistributedMutex mutex = instances.add("A");
        Lease before = mutex.acquire(KEY);
        long first = before.fencingToken();
        before.release();
        TreeSet<String> fences = RedisContents.keys(redis);
        assertThat(fences).hasSize(1);
        redis.command("DEL", fences.first());
        redis.command("RPUSH", fences.first(), "not a number");

        try (Lease lease = mutex.acquire(KEY)) {
            assertThat(lease.fencingToken()).isGreaterThan(first);
        }
        redis.command("SET", fences.first(), "not a number");
        try (Lease lease = mutex.acquire(KEY)) {
            assertThat(lease.fencingToken()).isGreaterThan(first);
        }
        RedisContents.assertNothingLeft(redis);
    }

    /** What is logged at ERROR by the adapter meanwhile. */
    private static List<String> errorsOf(Runnable action) {
        Logger log = (Logger) LoggerFactory.getLogger(MutexAdapter.class);
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        lines.start();
        log.addAppender(lines);
        log.setAdditive(false);
        try {
            action.run();
        } finally {
            log.setAdditive(true);
            log.detachAppender(lines);
        }
        return lines.list.stream()
                .filter(event -> event.getLevel() == Level.ERROR)
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    /** Speaks just enough RESP to be asked for its version. */
    private static void serveAsVersion(ServerSocket listener, String version) {
        while (!listener.isClosed()) {
            try {
                Socket socket = listener.accept();
                Thread connection = new Thread(() -> answer(socket, version), "old-redis-connection");
                connection.setDaemon(true);
                connection.start();
            } catch (IOException closed) {
                return;
            }
        }
    }

    private static void answer(Socket socket, String version) {
        try (socket;
                BufferedReader lines =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))) {
            String info = "# Server\r\nredis_version:" + version + "\r\n";
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int words = Integer.parseInt(line.substring(1));
                String name = "";
                for (int i = 0; i < words; i++) {
                    lines.readLine();
                    String word = lines.readLine();
                    name = i == 0 ? word : name;
                }
                String reply = switch (name.toUpperCase(Locale.ROOT)) {
                    case "HELLO" -> "-ERR unknown command\r\n";
                    case "PING" -> "+PONG\r\n";
                    case "INFO" -> "$" + info.length() + "\r\n" + info + "\r\n";
                    default -> "+OK\r\n";
                };
                socket.getOutputStream().write(reply.getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException closed) {
            // The client is gone.
        }
    }
}
