package io.distributedmutex.lab.chaos;

import io.distributedmutex.lab.Tool;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.testing.CommandLineTool;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/** A run of the chaos from the command line. */
final class ChaosRun {

    private ChaosRun() {}

    /** As users start it: what it and its workers log is then what they would see, and is looked at. */
    static CommandLineTool.Result run(Path directory, int seconds, long seed, String... more)
            throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("chaos", "--seconds", Integer.toString(seconds)));
        arguments.addAll(List.of(
                "--seed", Long.toString(seed), "--output", out(directory).toString()));
        arguments.addAll(Arrays.asList(more));
        try (CommandLineTool.Running running = Tool.start(directory, arguments.toArray(String[]::new))) {
            return running.end(seconds + 120L);
        }
    }

    /** Where a run leaves its report. */
    static Path out(Path directory) {
        return directory.resolve("out");
    }

    /** The first seed whose first fault that is. */
    static long seedThatBeginsWith(Fault fault, Topology topology, int seconds) {
        return LongStream.rangeClosed(1, 1_000)
                .filter(seed -> {
                    List<Plan.Step> steps = Plan.of(new Settings(
                                    topology, Duration.ofSeconds(seconds), seed, 4, 4, false, Sabotage.NONE))
                            .steps();
                    return !steps.isEmpty() && steps.get(0).fault() == fault;
                })
                .findFirst()
                .orElseThrow();
    }
}
