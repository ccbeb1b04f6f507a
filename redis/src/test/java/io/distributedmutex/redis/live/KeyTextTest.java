package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Any text is a key, and no two texts are the same one. */
@WithRedis
@LeavesNothing(warnings = "AT RISK")
class KeyTextTest {

    private final EmbeddedRedis redis;
    private Instances instances;

    KeyTextTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        instances = new Instances(redis);
    }

    @AfterEach
    void stop() {
        instances.close();
        RedisContents.assertNothingLeft(redis);
    }

    /** Texts that have hurt others. */
    public static List<String> texts() {
        List<String> texts = new ArrayList<>(List.of(
                "a",
                " ",
                "  two  spaces ",
                "{",
                "}",
                "{}",
                "}{",
                "{a}",
                "{a}b{c}",
                "{{a}}",
                "a}b{c",
                "a{}b",
                "new\nline",
                "carriage\r\nreturn",
                "tab\t",
                "\u0000",
                "nul\u0000inside",
                "quote'\"",
                "back\\slash",
                "100%",
                "%s %d %n",
                "a|b",
                "|",
                "-|1|x",
                "*",
                "?",
                "[a-z]",
                "lock:",
                "dmutex:{0}:fence",
                "dmutex:grants:x",
                "KEYS[1]",
                "I",
                "i",
                "\u0130",
                "\u0131",
                "TITLE",
                "title",
                "stra\u00dfe",
                "STRASSE",
                "\u00e9",
                "e\u0301",
                "\u4f60\u597d",
                "\ud83d\udd12",
                "\ud83d\udd12\ud83d\udd11",
                "\ufeff",
                "\u202e",
                "\uffff",
                "\u0661\u0662"));
        texts.add("x".repeat(512));
        texts.add("\u20ac".repeat(512));
        texts.add("\ud83d\udd12".repeat(256));
        texts.add("{" + "y".repeat(510) + "}");
        return texts;
    }

    @Test
    void everyTextIsAKeyOfItsOwn() {
        DistributedMutex mutex = instances.add("A");
        Map<String, Lease> held = new HashMap<>();
        for (String key : texts()) {
            held.put(key, mutex.tryAcquire(key).orElseThrow(() -> new AssertionError("taken already: " + key)));
        }
        assertThat(held).hasSize(texts().size());
        assertThat(RedisContents.leftovers(redis)).hasSize(texts().size());
        DistributedMutex other = instances.add("B");
        held.forEach((key, lease) -> {
            assertThat(redis.command("EXISTS", "lock:" + key)).as(key).isEqualTo(1L);
            assertThat(other.tryAcquire(key)).as(key).isEmpty();
            assertThat(other.inspect(key).orElseThrow()).satisfies(info -> {
                assertThat(info.key()).isEqualTo(key);
                assertThat(lease.isValid()).isTrue();
                assertThat(info.holder()).contains("A");
            });
        });
        held.values().forEach(lease -> assertThat(lease.release()).isTrue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"lock:", "", "app {1}|:"})
    void everyTextIsPushedAndKeepsItsQueueBesideIt(String prefix) throws Exception {
        DistributedMutex holder =
                instances.add(builder -> builder.holderLabel("A|{}\n").keyPrefix(prefix));
        DistributedMutex waiter =
                instances.add(builder -> builder.holderLabel("B|{}\n").keyPrefix(prefix));
        Figures handOffs = new Figures("hand-off of odd keys behind the prefix '" + prefix + "'");
        for (String key : texts()) {
            if ((prefix + key).startsWith("dmutex:{")) {
                assertThatExceptionOfType(StoreRefusedException.class)
                        .isThrownBy(() -> holder.acquire(key))
                        .withMessageContaining("'" + key + "' cannot be locked");
                continue;
            }
            Lease held = holder.acquire(key);
            CompletableFuture<Long> granted = waiter.acquireAsync(key).thenApply(lease -> {
                try (lease) {
                    assertThat(lease.isValid()).isTrue();
                    return System.nanoTime();
                }
            });
            Await.until("a waiter for " + key, () -> RedisContents.waiters(redis, prefix + key) == 1);
            assertThat(waiter.inspect(key).orElseThrow().waiters()).isEqualTo(1);
            long released = System.nanoTime();
            assertThat(held.release()).isTrue();
            handOffs.addNanos(granted.get(5, TimeUnit.SECONDS) - released);
        }
        handOffs.print();
        // Far from what a poll would take.
        assertThat(handOffs.median()).isLessThan(50);
        RedisContents.assertNothingLeft(redis, Duration.ofSeconds(2));
    }
}
