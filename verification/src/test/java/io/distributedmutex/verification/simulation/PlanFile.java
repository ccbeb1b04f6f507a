package io.distributedmutex.verification.simulation;

import io.distributedmutex.testing.MutantLoader;
import io.distributedmutex.verification.simulation.Plan.Action;
import io.distributedmutex.verification.simulation.Plan.Clocks;
import io.distributedmutex.verification.simulation.Plan.End;
import io.distributedmutex.verification.simulation.Plan.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A plan as text, and the folder in which plans are kept. A seed makes another plan after the next change of the planner; a kept
 * plan stays the same. Each was shrunk from a random life that found something: a bug, or a mutant that few lives find.
 *
 * <p>The first line has what concerns the whole life, each further one an action, both as words.
 */
final class PlanFile {

    private static final String ENDING = ".life";

    private PlanFile() {}

    /** All plans that are kept, by name. */
    static Map<String, Plan> kept() throws IOException {
        Map<String, Plan> plans = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder())) {
            for (Path file : files.filter(f -> f.toString().endsWith(ENDING)).toList()) {
                plans.put(file.getFileName().toString(), read(Files.readString(file)));
            }
        }
        return plans;
    }

    /** Where they are kept. */
    static Path folder() {
        return MutantLoader.repository().resolve("verification/src/test/resources/lives");
    }

    /** Writes one; returns the file. */
    static Path write(Path folder, String name, Plan plan) throws IOException {
        Files.createDirectories(folder);
        return Files.writeString(folder.resolve(name + ENDING), written(plan));
    }

    static String written(Plan plan) {
        String life = words(
                plan.seed(),
                plan.calm(),
                plan.blocking(),
                plan.clocks(),
                plan.faultsOneIn(),
                plan.keys(),
                plan.rates().stream().map(String::valueOf).collect(Collectors.joining(",")));
        return Stream.concat(
                        Stream.of(life),
                        plan.actions().stream()
                                .map(a -> words(
                                        a.afterNanos(),
                                        a.kind(),
                                        a.instance(),
                                        a.key(),
                                        a.leaseMillis(),
                                        a.waitMillis(),
                                        a.retryMillis(),
                                        a.maximumHoldMillis(),
                                        a.minimumHoldMillis(),
                                        a.holdNanos(),
                                        a.end(),
                                        a.pick())))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    private static String words(Object... words) {
        return Arrays.stream(words).map(String::valueOf).collect(Collectors.joining(" "));
    }

    static Plan read(String text) {
        List<String> lines = text.lines().toList();
        String[] life = lines.get(0).split(" ");
        List<Double> rates =
                Arrays.stream(life[6].split(",")).map(Double::valueOf).toList();
        List<Action> actions = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] w = line.split(" ");
            actions.add(new Action(
                    Long.parseLong(w[0]),
                    Kind.valueOf(w[1]),
                    Integer.parseInt(w[2]),
                    Integer.parseInt(w[3]),
                    Long.parseLong(w[4]),
                    Long.parseLong(w[5]),
                    Long.parseLong(w[6]),
                    Long.parseLong(w[7]),
                    Long.parseLong(w[8]),
                    Long.parseLong(w[9]),
                    End.valueOf(w[10]),
                    Integer.parseInt(w[11])));
        }
        return new Plan(
                Long.parseLong(life[0]),
                Boolean.parseBoolean(life[1]),
                Boolean.parseBoolean(life[2]),
                Clocks.valueOf(life[3]),
                Integer.parseInt(life[4]),
                rates,
                Integer.parseInt(life[5]),
                List.copyOf(actions));
    }
}
