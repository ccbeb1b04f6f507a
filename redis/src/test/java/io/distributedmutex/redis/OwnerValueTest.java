package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OwnerValueTest {

    private static final String TOKEN = "AZaz09-_AAAAAAAAAAAAAA";

    @Test
    void readsWhatOursWrite() {
        assertThat(parse(TOKEN + "|1795426252920462|host:42"))
                .isEqualTo(new OwnerValue(TOKEN, 1795426252920462L, "host:42"));
        assertThat(parse(TOKEN + "|7|")).isEqualTo(new OwnerValue(TOKEN, 7, ""));
        assertThat(parse(TOKEN + "|7|a|b||c")).isEqualTo(new OwnerValue(TOKEN, 7, "a|b||c"));
        assertThat(parse(TOKEN + "|7|übermütig 🔑\n")).isEqualTo(new OwnerValue(TOKEN, 7, "übermütig 🔑\n"));
    }

    @Test
    void readsALockThatDoesNotTellItsFencingToken() {
        assertThat(parse(TOKEN + "||label")).isEqualTo(new OwnerValue(TOKEN, 0, "label"));
        assertThat(parse(TOKEN + "!|label")).isEqualTo(new OwnerValue(TOKEN, 0, "label"));
        assertThat(parse(TOKEN + "||")).isEqualTo(new OwnerValue(TOKEN, 0, ""));
        assertThat(parse("-||label")).isEqualTo(new OwnerValue(null, 0, "label"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"||label", "!|label", "||", "!|"})
    void knowsWhoTookItByTheWholeToken(String rest) {
        byte[] value = (TOKEN + rest).getBytes(StandardCharsets.UTF_8);
        assertThat(OwnerValue.isTakenBy(value, TOKEN)).isTrue();
        assertThat(OwnerValue.isTakenBy(value, TOKEN.substring(1))).isFalse();
        assertThat(OwnerValue.isTakenBy(value, TOKEN.substring(0, 21))).isFalse();
        assertThat(OwnerValue.isTakenBy(value, TOKEN.substring(0, 21) + "z")).isFalse();
        assertThat(OwnerValue.isTakenBy(new byte[0], TOKEN)).isFalse();
        assertThat(OwnerValue.isFollowed(value)).isEqualTo(rest.startsWith("!"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"|7|label", "|", "!", "!7|label", "", "?|label"})
    void whatAScriptGrantedWasNotTaken(String rest) {
        assertThat(OwnerValue.isTakenBy((TOKEN + rest).getBytes(StandardCharsets.UTF_8), TOKEN))
                .isFalse();
    }

    @Test
    void readsALockThatIsKeptForItsMinimumHold() {
        assertThat(parse("-|7|host:42")).isEqualTo(new OwnerValue(null, 7, "host:42"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "-",
                "-|",
                "-|7",
                "--|7|x",
                "|7|x",
                "1",
                "OK",
                "{\"owner\":1}",
                "AZaz09-_AAAAAAAAAAAAAA",
                "AZaz09-_AAAAAAAAAAAAAA|",
                "AZaz09-_AAAAAAAAAAAAAA!",
                "AZaz09-_AAAAAAAAAAAAAA!label",
                "AZaz09-_AAAAAAAAAAAAAA!7|label",
                "AZaz09-_AAAAAAAAAAAAAA?|label",
                "AZaz09-_AAAAAAAAAAAAAA|7",
                "AZaz09-_AAAAAAAAAAAAAA|7x|label",
                "AZaz09-_AAAAAAAAAAAAAA|-7|label",
                "AZaz09-_AAAAAAAAAAAAAA|+7|label",
                "AZaz09-_AAAAAAAAAAAAAA|0|label",
                "AZaz09-_AAAAAAAAAAAAAA|9007199254740992|label",
                "AZaz09-_AAAAAAAAAAAAAA|9223372036854775808|label",
                "AZaz09-_AAAAAAAAAAAAAA|99999999999999999999999999|label",
                "AZaz09-_AAAAAAAAAAAAA|7|token too short",
                "AZaz09-_AAAAAAAAAAAAAAA|7|token too long",
                "AZaz09-+AAAAAAAAAAAAAA|7|plus",
                "AZaz09-_AAAAAAAAAAAAA\u0000|7|nul",
                "AZaz09-_AAAAAAAAAAAAAÄ|7|umlaut",
            })
    void takesAnythingElseForForeign(String value) {
        assertThat(parse(value)).isNull();
    }

    @Test
    void takesAnOverlongLabelForForeign() {
        assertThat(parse(TOKEN + "|7|" + "x".repeat(128))).isNotNull();
        assertThat(parse(TOKEN + "|7|" + "x".repeat(129))).isNull();
        assertThat(parse(TOKEN + "|7|" + "鍵".repeat(128))).isNotNull();
        assertThat(parse(TOKEN + "|7|" + "x".repeat(10_000_000))).isNull();
    }

    @Test
    void survivesAnyBytes() {
        Random random = new Random(42);
        byte[] ours = (TOKEN + "|1795426252920462|host:42").getBytes(StandardCharsets.UTF_8);
        for (int round = 0; round < 100_000; round++) {
            byte[] value = ours.clone();
            for (int changes = random.nextInt(4); changes >= 0; changes--) {
                value[random.nextInt(value.length)] = (byte) random.nextInt(256);
            }
            OwnerValue.parse(java.util.Arrays.copyOf(value, random.nextInt(value.length + 1)));
        }
        assertThat(OwnerValue.parse(ours)).isNotNull();
    }

    @Test
    void brokenUtf8InTheLabelIsReplacedNotThrown() {
        byte[] value = (TOKEN + "|7|x").getBytes(StandardCharsets.UTF_8);
        value[value.length - 1] = (byte) 0xFF;
        assertThat(OwnerValue.parse(value)).isEqualTo(new OwnerValue(TOKEN, 7, "\uFFFD"));
    }

    private static OwnerValue parse(String value) {
        return OwnerValue.parse(value.getBytes(StandardCharsets.UTF_8));
    }
}
