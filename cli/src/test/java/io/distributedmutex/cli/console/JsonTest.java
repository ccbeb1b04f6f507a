package io.distributedmutex.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** JSON for programs. */
class JsonTest {

    @Test
    void allKindsOfValuesAreWritten() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("text", "a");
        map.put("number", 1795429187232068L);
        map.put("small", -1);
        map.put("yes", true);
        map.put("nothing", null);
        map.put("list", Arrays.asList(1, null, List.of(), Map.of()));
        assertThat(Json.write(map))
                .isEqualTo("{\"text\":\"a\",\"number\":1795429187232068,\"small\":-1,\"yes\":true,\"nothing\":null,"
                        + "\"list\":[1,null,[],{}]}");
    }

    @Test
    void whatWouldBreakAStringIsEscaped() {
        assertThat(Json.write("a\"b\\c\nd\re\tf\u0000g\u001fh\u007fi/"))
                .isEqualTo("\"a\\\"b\\\\c\\nd\\re\\tf\\u0000g\\u001fh\\u007fi/\"");
    }

    @Test
    void everythingBeyondAsciiIsEscapedSoThatNoCharacterSetMatters() {
        assertThat(Json.write("schl\u00fcssel \u2028 \ud83d\ude00"))
                .isEqualTo("\"schl\\u00fcssel \\u2028 \\ud83d\\ude00\"");
    }

    @Test
    void namesAreEscapedAsValuesAre() {
        assertThat(Json.write(Map.of("a\"b", "c"))).isEqualTo("{\"a\\\"b\":\"c\"}");
    }

    @Test
    void anUnknownTypeIsAMistakeInTheProgram() {
        assertThatIllegalArgumentException().isThrownBy(() -> Json.write(1.5));
    }
}
