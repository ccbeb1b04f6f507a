package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class StartCheckTest {

    private static final Pattern CALLED = Pattern.compile("p?call\\('([A-Z]+)'");
    private static final Pattern TRIED = Pattern.compile("try\\([a-z']+, '([A-Z]+)'");

    @Test
    void whatTheScriptsDoIsTriedAndNothingElse() {
        Set<String> called = new TreeSet<>();
        for (Script script : List.of(
                Script.ACQUIRE, Script.RELEASE, Script.CANCEL, Script.RENEW, Script.INSPECT, Script.FORCE_RELEASE)) {
            Set<String> ofOne = found(CALLED, script);
            assertThat(ofOne).as(script.operation()).contains("GET");
            called.addAll(ofOne);
        }

        // Asked only in a Cluster of Redis 6.2, and only by way of trying.
        assertThat(called.remove("PUBSUB")).isTrue();
        assertThat(found(TRIED, Script.PROBE)).isEqualTo(called);
    }

    private static Set<String> found(Pattern pattern, Script script) {
        Set<String> found = new TreeSet<>();
        Matcher matcher = pattern.matcher(new String(script.text(), StandardCharsets.UTF_8));
        while (matcher.find()) {
            found.add(matcher.group(1));
        }
        return found;
    }
}
