package io.distributedmutex.redis.store;

import static io.distributedmutex.redis.store.StartedStore.get;
import static io.distributedmutex.redis.store.StartedStore.newToken;
import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.spi.AcquireReply.Granted;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class ScriptCallsTest {

    private static final Pattern CALLS = Pattern.compile("cmdstat_([a-z|]+):calls=(\\d+)");

    private final EmbeddedRedis redis;
    private final StartedStore store;

    ScriptCallsTest(RedisExecutable executable) {
        redis = EmbeddedRedis.builder().executable(executable.path()).start();
        store = StartedStore.on(redis);
    }

    @AfterEach
    void stop() {
        store.close();
        redis.close();
    }

    @Test
    void anUncontendedPairIsFourCommandsAndAScriptOfTwoOrOneCommand() {
        pair("warm-up");
        redis.command("CONFIG", "RESETSTAT");

        for (int i = 0; i < 100; i++) {
            pair("k" + i);
        }

        Map<String, Long> calls = calls();
        for (String once : List.of("set", "xadd", "exists", "getrange")) {
            assertThat(calls).containsEntry(once, 100L);
        }
        for (String once : freesNatively() ? List.of("delifeq") : List.of("evalsha", "get", "del")) {
            assertThat(calls).containsEntry(once, 100L);
        }
        assertThat(calls).doesNotContainKeys("eval", "script", "script|load", "ping", "multi");
    }

    @Test
    void aStoreThatDoesNothingSendsNothing() throws InterruptedException {
        pair("warm-up");
        redis.command("CONFIG", "RESETSTAT");
        Map<String, Long> first = calls();

        // The one thing that cannot be awaited is that nothing happens.
        java.util.concurrent.TimeUnit.MILLISECONDS.sleep(500);

        assertThat(calls().keySet()).isSubsetOf("info", "config|resetstat", "config");
        assertThat(first).doesNotContainKey("evalsha");
    }

    @Test
    void flushedScriptsAreLoadedAgainOnce() {
        String token = newToken();
        get(store.store().renew("k", token, 1_000));
        redis.command("SCRIPT", "FLUSH");
        redis.command("CONFIG", "RESETSTAT");

        get(store.store().renew("k", token, 1_000));
        get(store.store().renew("k", token, 1_000));

        assertThat(calls()).containsEntry("evalsha", 2L).containsEntry("eval", 1L);
    }

    @Test
    void flushingUnderLoadFailsNothing() {
        List<CompletionStage<?>> all = new ArrayList<>();
        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < 20; i++) {
                String token = newToken();
                String key = "k" + round + "-" + i;
                all.add(store.tryAcquire(key, token)
                        .thenCompose(reply -> store.store().release(key, token, 0))
                        .thenAccept(released -> assertThat(released).isEqualTo(Ownership.HELD)));
            }
            redis.command("SCRIPT", "FLUSH");
        }
        all.forEach(StartedStore::get);
        assertThat((List<?>) redis.command("KEYS", "lock:*")).isEmpty();
    }

    private boolean freesNatively() {
        return ((List<?>) redis.command("COMMAND", "INFO", "delifeq")).get(0) != null;
    }

    private void pair(String key) {
        String token = newToken();
        assertThat(get(store.tryAcquire(key, token))).isInstanceOf(Granted.class);
        assertThat(get(store.store().release(key, token, 0))).isEqualTo(Ownership.HELD);
    }

    private Map<String, Long> calls() {
        Map<String, Long> calls = new TreeMap<>();
        Matcher matcher = CALLS.matcher((String) redis.command("INFO", "commandstats"));
        while (matcher.find()) {
            calls.put(matcher.group(1), Long.valueOf(matcher.group(2)));
        }
        return calls;
    }
}
