package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.testing.OwnThread;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Names are few, whatever the function gives. */
class KeyNamesTest {

    private final Scene scene = new Scene();

    @AfterEach
    void nothingIsLogged() {
        assertThat(scene.warnings()).isEmpty();
        scene.close();
    }

    @Test
    void withoutAFunctionAllKeysHaveOneName() {
        assertThat(KeyNames.none().of("tenant:1")).isEqualTo("none");
        assertThat(KeyNames.none().expected()).isEmpty();
    }

    @Test
    void aFunctionNamesAKey() {
        KeyNames names = KeyNames.by(key -> key.startsWith("report") ? "report" : null);
        assertThat(names.of("report:daily")).isEqualTo("report");
        assertThat(names.of("tenant:1")).isEqualTo("none");
        assertThat(KeyNames.by(key -> " ").of("k")).isEqualTo("none");
        assertThat(KeyNames.by(key -> "").of("k")).isEqualTo("none");
    }

    @Test
    void whatStandsBeforeASeparatorIsAName() {
        KeyNames names = KeyNames.before(':', "tenant");
        assertThat(names.expected()).containsExactly("tenant");
        assertThat(names.of("tenant:123:settings")).isEqualTo("tenant");
        assertThat(names.of("report:daily")).isEqualTo("report");
        assertThat(names.of("newsletter")).isEqualTo("none");
        assertThat(names.of(":123")).isEqualTo("none");
    }

    @Test
    void everyNameBeyondTheBoundIsOtherAndOneWarningSaysSo() {
        KeyNames names = KeyNames.by(key -> key, "expected");
        Set<String> given = new HashSet<>();
        for (int i = 0; i < 100; i++) {
            given.add(names.of("key-" + i));
        }
        assertThat(given).hasSize(100).doesNotContain("other");
        assertThat(scene.warnings()).isEmpty();

        assertThat(names.of("one\ntoo many")).isEqualTo("other");
        assertThat(names.of("another")).isEqualTo("other");
        assertThat(names.of("key-7")).as("a name that was there before").isEqualTo("key-7");
        assertThat(names.of("expected")).isEqualTo("expected");
        assertThat(scene.warnings())
                .containsExactly(
                        "the function from keys to names gave more than 100 names: 'one\\u000Atoo many' and all"
                                + " further ones count as 'other'; it should give a few names, not one for each key");
    }

    @Test
    void theBoundHoldsForManyThreads() {
        KeyNames names = KeyNames.by(key -> key);
        Set<String> given = ConcurrentHashMap.newKeySet();
        List<CompletableFuture<Void>> threads = IntStream.range(0, 8)
                .mapToObj(thread -> CompletableFuture.runAsync(
                        () -> {
                            for (int i = 0; i < 1_000; i++) {
                                given.add(names.of("key-" + thread + "-" + i));
                            }
                        },
                        OwnThread.EACH))
                .toList();
        threads.forEach(CompletableFuture::join);
        assertThat(given).hasSize(101).contains("other");
        assertThat(scene.warnings()).hasSize(1);
    }

    @Test
    void aFunctionThatThrowsNamesNothingAndOneWarningSaysSo() {
        KeyNames names = KeyNames.by(key -> key.substring(0, key.indexOf(':')));
        assertThat(names.of("a\nb")).isEqualTo("none");
        assertThat(names.of("c")).isEqualTo("none");
        assertThat(names.of("tenant:1")).isEqualTo("tenant");
        assertThat(scene.warnings())
                .containsExactly(
                        "the function from keys to names failed for 'a\\u000Ab', which counts as 'none', as does"
                                + " any other such key");
    }

    @Test
    void aNameThatIsTooLongIsNoneAndOneWarningSaysSo() {
        KeyNames names = KeyNames.by(key -> key.repeat(2));
        assertThat(names.of("k".repeat(64))).hasSize(128);
        assertThat(names.of("k".repeat(65))).isEqualTo("none");
        assertThat(names.of("k".repeat(66))).isEqualTo("none");
        assertThat(scene.warnings())
                .singleElement()
                .asString()
                .startsWith("the function from keys to names gave a name of 130 characters, more than 128 for 'kkk");
    }

    @Test
    void expectedNamesAreCheckedAtOnce() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KeyNames.by(key -> key, "tenant", " "))
                .withMessage("an expected name must have 1 to 128 characters that are not all blank, but ' ' has 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KeyNames.before(':', "n".repeat(129)))
                .withMessageEndingWith("has 129");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KeyNames.by(key -> key, "tenant", "tenant"))
                .withMessage("an expected name is there twice: [tenant, tenant]");
        assertThatNullPointerException().isThrownBy(() -> KeyNames.by(null)).withMessage("nameOf");
    }
}
