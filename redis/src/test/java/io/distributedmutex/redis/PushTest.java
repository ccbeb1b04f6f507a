package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PushTest {

    private static final String TOKEN = "abcdefghijklmnopqrstuv";
    private static final KeyPrefix PREFIX = KeyPrefix.of("lock:");

    @Test
    void aGrantIsRead() {
        assertThat(Push.parse("7|64|" + TOKEN + "|lock:a|b", PREFIX)).isEqualTo(new Push("a|b", TOKEN, 7, 64));
    }

    @Test
    void theLongestKeyIsRead() {
        String key = "k".repeat(512);

        assertThat(Push.parse("9007199254740991|1000000|" + TOKEN + "|lock:" + key, PREFIX))
                .isEqualTo(new Push(key, TOKEN, 9007199254740991L, 1_000_000));
    }

    @Test
    void noLongerKeyIsRead() {
        assertThat(Push.parse("7|64|" + TOKEN + "|lock:" + "k".repeat(513), PREFIX))
                .isNull();
        assertThat(Push.parse("7|64|" + TOKEN + "|" + "k".repeat(513), KeyPrefix.of("")))
                .isNull();
        assertThat(Push.parse("7|64|" + TOKEN + "|lock:" + "k".repeat(10_000_000), PREFIX))
                .isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "|||",
                "7|64|abcdefghijklmnopqrstuv",
                "7|64|abcdefghijklmnopqrstuv|lock:",
                "7|64|abcdefghijklmnopqrstuv|other:k",
                "7|64|short|lock:k",
                "0|64|abcdefghijklmnopqrstuv|lock:k",
                "-7|64|abcdefghijklmnopqrstuv|lock:k",
                "9007199254740992|64|abcdefghijklmnopqrstuv|lock:k",
                "x|64|abcdefghijklmnopqrstuv|lock:k",
                "7|0|abcdefghijklmnopqrstuv|lock:k",
                "7|1000001|abcdefghijklmnopqrstuv|lock:k",
                "7|x|abcdefghijklmnopqrstuv|lock:k"
            })
    void anythingElseIsNot(String push) {
        assertThat(Push.parse(push, PREFIX)).isNull();
    }
}
