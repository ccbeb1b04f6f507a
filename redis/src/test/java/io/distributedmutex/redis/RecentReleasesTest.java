package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.distributedmutex.redis.RecentReleases.Release;
import org.junit.jupiter.api.Test;

/** The latest releases are kept, in order, and not without bound. */
class RecentReleasesTest {

    private final RecentReleases releases = new RecentReleases(System::nanoTime);

    @Test
    void theLatestAreGivenOnceInTheirOrder() {
        releases.add("a", "1", 0);
        releases.add("b", "2", 70);

        assertThat(releases.takeAll())
                .extracting(Release::key, Release::token, Release::keepMillis)
                .containsExactly(tuple("a", "1", 0L), tuple("b", "2", 70L));
        assertThat(releases.takeAll()).isEmpty();
    }

    @Test
    void ofTooManyTheOldestAreForgotten() {
        for (int i = 0; i < 10_001; i++) {
            releases.add("k", Integer.toString(i), 0);
        }

        assertThat(releases.takeAll())
                .hasSizeLessThanOrEqualTo(10_000)
                .last()
                .satisfies(release -> assertThat(release.token()).isEqualTo("10000"));
    }
}
