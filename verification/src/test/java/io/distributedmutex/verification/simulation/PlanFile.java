package io.distributedmutex.verification.simulation;

import io.distributedmutex.testing.MutantLoader;
import io.distributedmutex.verification.simulation.Plan.Action;
import io.distributedmutex.verification.simulation.Plan.Clocks;
import io.distributedmutex.verification.simulation.Plan.End;
import io.distributedmutex.verification.simulation.Plan.Kind;
import io.distributedmutex.verification.simulation.SimulatedNodes.Sharded;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
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
    private static final String FAILOVERS = ".failovers";

    /** Where those are left that break something. */
    private static final Path FAILED = Path.of("target", "failed-lives");

    private PlanFile() {}

    /** All plans that are kept, by name. */
    static Map<String, Plan> kept() throws IOException {
        return kept(ENDING, PlanFile::read);
    }

    /** The same of those with failovers. */
    static Map<String, FailoverPlan> keptFailovers() throws IOException {
        return kept(FAILOVERS, PlanFile::readFailovers);
    }

    private static <T> Map<String, T> kept(String ending, Function<String, T> reader) throws IOException {
        Map<String, T> plans = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder())) {
            for (Path file : files.filter(f -> f.toString().endsWith(ending)).toList()) {
                plans.put(file.getFileName().toString(), reader.apply(Files.readString(file)));
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
        return write(folder, name + ENDING, written(plan));
    }

    /** Writes one that breaks something; returns the file. */
    static Path writeFailed(Plan plan) throws IOException {
        return write(FAILED, "seed-" + plan.seed(), plan);
    }

    /** The same of one with failovers. */
    static Path writeFailed(FailoverPlan plan) {
        try {
            return write(FAILED, "seed-" + plan.seed() + FAILOVERS, written(plan));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path write(Path folder, String file, String text) throws IOException {
        Files.createDirectories(folder);
        return Files.writeString(folder.resolve(file), text);
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
        return written(
                life,
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
                                a.pick())));
    }

    static String written(FailoverPlan plan) {
        String life = words(
                plan.seed(),
                plan.shards(),
                plan.sharded(),
                plan.calm(),
                plan.faultsOneIn(),
                plan.instances(),
                String.join(",", plan.keys()));
        return written(
                life,
                plan.actions().stream()
                        .map(a -> words(
                                a.afterNanos(),
                                a.kind(),
                                a.instance(),
                                a.key(),
                                a.leaseMillis(),
                                a.waitMillis(),
                                a.retryMillis(),
                                a.holdNanos(),
                                a.renews(),
                                a.forgets(),
                                a.pick())));
    }

    private static String written(String life, Stream<String> actions) {
        return Stream.concat(Stream.of(life), actions).collect(Collectors.joining("\n", "", "\n"));
    }

    private static String words(Object... words) {
        return Arrays.stream(words).map(String::valueOf).collect(Collectors.joining(" "));
    }

    static FailoverPlan readFailovers(String text) {
        List<String> lines = text.lines().toList();
        String[] life = lines.get(0).split(" ");
        List<FailoverPlan.Action> actions = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] w = line.split(" ");
            actions.add(new FailoverPlan.Action(
                    Long.parseLong(w[0]),
                    FailoverPlan.Kind.valueOf(w[1]),
                    Integer.parseInt(w[2]),
                    Integer.parseInt(w[3]),
                    Long.parseLong(w[4]),
                    Long.parseLong(w[5]),
                    Long.parseLong(w[6]),
                    Long.parseLong(w[7]),
                    Boolean.parseBoolean(w[8]),
                    Boolean.parseBoolean(w[9]),
                    Integer.parseInt(w[10])));
        }
        return new FailoverPlan(
                Long.parseLong(life[0]),
                Integer.parseInt(life[1]),
                Sharded.valueOf(life[2]),
                Boolean.parseBoolean(life[3]),
                Integer.parseInt(life[4]),
                Integer.parseInt(life[5]),
                List.of(life[6].split(",")),
                List.copyOf(actions));
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
