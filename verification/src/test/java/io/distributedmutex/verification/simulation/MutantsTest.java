package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testing.Seeds;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The simulation finds what it is there to find: each deliberate fault breaks a promise in one of the first lives. The seeds
 * are 1, 2, 3 and so on, so the table that this prints is the same each time; docs/internals/testing.md shows it.
 */
@Isolated("uses all cores")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class MutantsTest {

    private static final int MOST_LIVES = 20_000;

    @Test
    void everyMutantIsCaught() throws Exception {
        List<String> survivors = new ArrayList<>();
        try (Silence silence = new Silence()) {
            for (Mutant mutant : EngineMutants.ALL) {
                Method live = new MutantLoader(mutant)
                        .loadClass(Trial.class.getName())
                        .getMethod("firstBroken", long.class);
                String broken = null;
                int lives = 0;
                while (broken == null && lives < MOST_LIVES) {
                    broken = (String) live.invoke(null, Seeds.first() + lives);
                    lives++;
                }
                if (broken == null) {
                    survivors.add(mutant.name());
                }
                System.out.printf(
                        Locale.ROOT,
                        "| %s | %s | %s |%n",
                        mutant.name(),
                        broken == null ? "not caught in " + lives : lives,
                        broken);
            }
        }
        assertThat(survivors).isEmpty();
        assertThat(EngineMutants.ALL).hasSizeGreaterThanOrEqualTo(15);
    }
}
