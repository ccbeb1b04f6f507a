package io.distributedmutex.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a key may be, and how keys and durations are shown. */
class ChecksTest {

    private static final String HIGH = "\uD83D";
    private static final String LOW = "\uDD12";

    @Test
    void aNullKeyIsRefusedByName() {
        assertThatNullPointerException().isThrownBy(() -> Checks.key(null)).withMessage("key");
    }

    @Test
    void anEmptyKeyIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> Checks.key("")).withMessage("key must not be empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {" ", "\n", "\0", "{a}b{c}", "Straße", "🔒", "İıSs", "a:b", "\uFEFF", "%s"})
    void anyWellFormedTextIsAKeyAndIsKeptAsItIs(String key) {
        assertThat(Checks.key(key)).isSameAs(key);
    }

    @Test
    void aKeyMayHave512CharactersAndNotOneMore() {
        String longest = "k".repeat(512);
        assertThat(Checks.key(longest)).isSameAs(longest);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.key(longest + "k"))
                .withMessage("key must have at most 512 characters, but has 513: '" + "k".repeat(40) + "...'");
    }

    @Test
    void whatIsCountedAreCharactersOfJavaNotCodePointsOrBytes() {
        String longest = (HIGH + LOW).repeat(256);
        assertThat(Checks.key(longest)).isSameAs(longest);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.key(longest + HIGH + LOW))
                .withMessageContaining("but has 514");
        String threeBytesEach = "€".repeat(512);
        assertThat(Checks.key(threeBytesEach)).isSameAs(threeBytesEach);
    }

    @Test
    void theMessageForALongKeyDoesNotCutACharacterInTwo() {
        String key = "k".repeat(39) + HIGH + LOW + "k".repeat(500);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.key(key))
                .withMessageEndingWith(": '" + "k".repeat(39) + "...'");
    }

    @ParameterizedTest
    @CsvSource({"high,0", "highAtEnd,1", "low,0", "lowInside,1", "reversed,0", "highTwice,0", "afterAPair,2"})
    void anUnpairedSurrogateIsRefusedAndItsPlaceIsNamed(String which, int index) {
        String key = switch (which) {
            case "high" -> HIGH + "b";
            case "highAtEnd" -> "a" + HIGH;
            case "low" -> LOW + "b";
            case "lowInside" -> "a" + LOW + "b";
            case "reversed" -> LOW + HIGH;
            case "highTwice" -> HIGH + HIGH + LOW;
            case "afterAPair" -> HIGH + LOW + LOW;
            default -> throw new AssertionError(which);
        };
        String shown = key.charAt(index) == HIGH.charAt(0) ? "\\uD83D" : "\\uDD12";
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.key(key))
                .withMessage("key is not well-formed Unicode: unpaired surrogate " + shown + " at index " + index);
    }

    @Test
    void aTextIsRefusedUnderItsOwnNameAndBound() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.text("holderLabel", "h".repeat(129), 128))
                .withMessageStartingWith("holderLabel must have at most 128 characters, but has 129");
        assertThatNullPointerException()
                .isThrownBy(() -> Checks.text("holderLabel", null, 128))
                .withMessage("holderLabel");
    }

    @Test
    void controlCharactersOfALongKeyAreEscapedInTheMessage() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.key("a\nb" + "c".repeat(510)))
                .withMessageContaining("'a\\u000Ab")
                .satisfies(refused -> assertThat(refused.getMessage()).doesNotContain("\n"));
    }

    @ParameterizedTest
    @CsvSource({
        "PT0S, 0 ms",
        "PT0.25S, 250 ms",
        "PT1M, 60000 ms",
        "PT24H, 1 days",
        "P365D, 365 days",
        "PT8760H0.001S, 31536000001 ms",
        "PT0.000000001S, 1 ns",
        "PT-0.000000001S, -1 ns",
        "PT-1S, -1000 ms",
        "P3650D, 3650 days",
        "P-3650D, -3650 days",
        "P3651D, PT87624H",
        "P-3651D, PT-87624H",
        "PT2562047788015215H30M7.999999999S, PT2562047788015215H30M7.999999999S",
        "PT-2562047788015215H-30M-8S, PT-2562047788015215H-30M-8S"
    })
    void everyDurationCanBeShown(Duration duration, String shown) {
        assertThat(Checks.shown(duration)).isEqualTo(shown);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 1_790_000_000_000_000L, (1L << 53) - 1})
    void aFencingTokenIsKeptAsItIs(long token) {
        assertThat(Checks.fencingToken("token", token)).isEqualTo(token);
        assertThat(Checks.fencingToken("token", Long.toString(token))).isEqualTo(token);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, 1L << 53, Long.MAX_VALUE})
    void aNumberThatIsNoFencingTokenIsRefused(long token) {
        String message = "token must be a number from 1 to 2^53 - 1, but is '" + token + "'";
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.fencingToken("token", token))
                .withMessage(message);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.fencingToken("token", Long.toString(token)))
                .withMessage(message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " 1", "1 ", "+1", "0x1", "1.0", "1e3", "١", "12345678901234567"})
    void aTextThatIsNoFencingTokenIsRefused(String token) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.fencingToken("token", token))
                .withMessage("token must be a number from 1 to 2^53 - 1, but is '" + token + "'");
    }

    @Test
    void theMessageForATextThatIsNoFencingTokenIsOneShortLine() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checks.fencingToken("token", "a\n" + "b".repeat(100)))
                .withMessage("token must be a number from 1 to 2^53 - 1, but is 'a\\u000A" + "b".repeat(38) + "...'");
        assertThatNullPointerException()
                .isThrownBy(() -> Checks.fencingToken("token", null))
                .withMessage("token");
    }
}
