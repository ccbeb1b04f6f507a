package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.cluster.SlotHash;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LockKeysTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "lock:a",
                "",
                "lock:{user1000}.following",
                "{a}{b}",
                "foo{}{bar}",
                "foo{{bar}}zap",
                "foo{bar}{zap}",
                "}{",
                "{",
                "}",
                "{}",
                "a{b",
                "a}b{c}",
                "with space and\nnew line",
                "Schlüssel-ключ-鍵-🔑",
                "{🔑}x",
                "dmutex:{0}:fence"
            })
    void companionsStandInTheSlotOfTheirLock(String lockKey) {
        LockKeys keys = LockKeys.of(lockKey);

        int slot = SlotHash.getSlot(lockKey.getBytes(StandardCharsets.UTF_8));
        assertThat(keys.lock()).isEqualTo(lockKey.getBytes(StandardCharsets.UTF_8));
        assertThat(SlotHash.getSlot(keys.lock())).isEqualTo(slot);
        assertThat(SlotHash.getSlot(keys.queue())).isEqualTo(slot);
        assertThat(SlotHash.getSlot(keys.waiters())).isEqualTo(slot);
        assertThat(SlotHash.getSlot(keys.fence())).isEqualTo(slot);
    }

    @Test
    void theSlotIsThatOfTheHashTagByTheRulesOfTheClusterSpecification() {
        // First brace, first closing brace after it, and something in between; else the whole key. The slots are those
        // that CLUSTER KEYSLOT of Redis 7.0 gives.
        assertThat(slot("foo")).isEqualTo(12182);
        assertThat(slot("{foo}.bar")).isEqualTo(12182);
        assertThat(slot("foo{}{bar}")).isEqualTo(8363);
        assertThat(slot("foo{{bar}}zap")).isEqualTo(4015);
        assertThat(slot("foo{bar}{zap}")).isEqualTo(5061);
        assertThat(slot("bar")).isEqualTo(5061);
    }

    @Test
    void theNamesAreThoseOfTheProtocol() {
        LockKeys keys = LockKeys.of("lock:foo{bar}");

        String tag = SlotTags.tagOf(5061);
        assertThat(text(keys.queue())).isEqualTo("dmutex:{" + tag + "}:queue:lock:foo{bar}");
        assertThat(text(keys.waiters())).isEqualTo("dmutex:{" + tag + "}:waiters:lock:foo{bar}");
        assertThat(text(keys.fence())).isEqualTo("dmutex:{" + tag + "}:fence");
    }

    @Test
    void aCompanionIsKnownByItsName() {
        LockKeys keys = LockKeys.of("x");
        assertThat(LockKeys.isCompanion(text(keys.queue()))).isTrue();
        assertThat(LockKeys.isCompanion(text(keys.waiters()))).isTrue();
        assertThat(LockKeys.isCompanion(text(keys.fence()))).isTrue();
        assertThat(LockKeys.isCompanion("lock:dmutex:{zz}:fence")).isFalse();
        assertThat(LockKeys.isCompanion("dmutex:grants:x")).isFalse();
    }

    private static int slot(String key) {
        return SlotHash.getSlot(key.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
