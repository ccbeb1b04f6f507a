package io.distributedmutex.verification.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** The real engine through many random lives; -Dsimulation.seed=N replays one, -Dsimulation.count=N does more. */
class SimulationTest {

    @Test
    void noRandomLifeBreaksAPromise() {
        Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
        Level before = logger.getLevel();
        logger.setLevel(Level.OFF);
        try {
            Long seed = Long.getLong("simulation.seed");
            long first = seed != null ? seed : System.nanoTime();
            long count = seed != null ? 1 : Long.getLong("simulation.count", 1_000);
            System.out.println("simulation: " + count + " lives from seed " + first);
            long granted = 0;
            for (long i = 0; i < count; i++) {
                granted += new Simulation(first + i).run();
            }
            System.out.println("simulation: " + granted + " leases granted");
            assertThat(granted).isGreaterThan(count);
        } finally {
            logger.setLevel(before);
        }
    }
}
