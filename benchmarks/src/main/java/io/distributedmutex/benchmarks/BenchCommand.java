package io.distributedmutex.benchmarks;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command line of the benchmarks. */
@Command(
        name = "benchmarks/bench",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Measures this library beside its peers, on one Redis of its own, round by round.")
final class BenchCommand implements Callable<Integer> {

    private static final List<BenchCase> CASES = List.of(
            new UncontendedCase(1),
            new UncontendedCase(8),
            new UncontendedCase(64),
            new TurnsCase(1),
            new TurnsCase(8),
            new TurnsCase(64),
            new ContentionCase(1, 2),
            new ContentionCase(1, 16),
            new ContentionCase(1, 64),
            new ContentionCase(2, 1),
            new ContentionCase(8, 1),
            new ContentionCase(4, 8),
            new WaitersCase(),
            new TakeOverCase(),
            new MetersCase(),
            new LeasesCase(false),
            new LeasesCase(true),
            new FootprintCase(),
            new OutageCase());

    @Option(
            names = "--cases",
            split = ",",
            paramLabel = "PREFIX",
            description = "Only cases whose names begin so. The cases: ${COMPLETION-CANDIDATES}.",
            completionCandidates = CaseNames.class)
    private List<String> cases = List.of("");

    @Option(
            names = "--subjects",
            split = ",",
            paramLabel = "NAME",
            description = "Only these. The subjects: ${COMPLETION-CANDIDATES}.",
            completionCandidates = SubjectNames.class)
    private @Nullable List<String> subjects;

    @Option(
            names = "--masters",
            paramLabel = "N",
            description =
                    "On a cluster of so many masters, 1 to 20, all on this machine; for the subjects that are ours,"
                            + " and the cases turns, contended and footprint. Default: 0, one server that is no cluster.")
    private int masters;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "How often each is measured. Default: ${DEFAULT-VALUE}.")
    private int rounds = 3;

    @Option(
            names = "--seconds",
            paramLabel = "S",
            description = "How long each time, and as long before it counts. Default: ${DEFAULT-VALUE}.")
    private double seconds = 3;

    @Option(
            names = "--output",
            paramLabel = "FOLDER",
            description = "Where results.csv, tables.md and the charts go. Default: ${DEFAULT-VALUE}.")
    private Path output = Path.of("benchmarks", "target", "results");

    @Option(
            names = "--report",
            paramLabel = "CSV",
            description = "Measure nothing: tables and charts of these results.")
    private @Nullable Path report;

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new BenchCommand()).execute(arguments));
    }

    @Override
    public Integer call() throws Exception {
        if (rounds < 1 || rounds > 1_000) {
            throw new CommandLine.ParameterException(
                    new CommandLine(this), "--rounds must be from 1 to 1000, but is " + rounds);
        }
        if (!(seconds >= 0.1 && seconds <= 3600)) {
            throw new CommandLine.ParameterException(
                    new CommandLine(this), "--seconds must be from 0.1 to 3600, but is " + seconds);
        }
        if (masters < 0 || masters > 20) {
            throw new CommandLine.ParameterException(
                    new CommandLine(this), "--masters must be from 0 to 20, but is " + masters);
        }
        Files.createDirectories(output);
        Path csv = output.resolve("results.csv");
        boolean sound = true;
        Results results;
        if (report != null) {
            results = Results.read(report);
        } else {
            List<BenchCase> chosen = CASES.stream()
                    .filter(candidate -> cases.stream().anyMatch(candidate.name()::startsWith))
                    .filter(candidate -> masters == 0 || candidate.suitsClusters())
                    .toList();
            if (chosen.isEmpty()) {
                throw new CommandLine.ParameterException(
                        new CommandLine(this),
                        "no case "
                                + (masters == 0 ? "" : "for clusters ")
                                + "begins with "
                                + String.join(" or ", cases));
            }
            results = new Results();
            sound = measure(chosen, results, csv);
        }
        Report written = new Report(results);
        written.charts(output);
        Files.writeString(output.resolve("tables.md"), written.tables());
        System.out.println();
        System.out.println(written.tables());
        System.out.println("Written to " + output);
        return sound ? 0 : 1;
    }

    private boolean measure(List<BenchCase> chosen, Results results, Path csv) throws Exception {
        PrintStream progress = System.out;
        List<Subject> measured = (subjects == null
                        ? Arrays.stream(Subject.values())
                        : subjects.stream().map(Subject::of))
                .filter(subject -> masters == 0 || subject.isOurs())
                .toList();
        Path boardFile = Files.createTempFile("dmutex-bench-board", null);
        try (Server server = Server.start(masters)) {
            progress.printf(
                    "Redis %s%s, Java %s, %d processors, %d rounds of %s s%n",
                    server.version(),
                    masters == 0 ? "" : ", a cluster of " + masters,
                    Runtime.version(),
                    Runtime.getRuntime().availableProcessors(),
                    rounds,
                    Results.number(seconds));
            BenchRun run = new BenchRun(server, Math.round(seconds * 1000), boardFile);
            try {
                return run.measure(chosen, measured, rounds, results, progress);
            } finally {
                results.write(csv);
            }
        } finally {
            Files.deleteIfExists(boardFile);
        }
    }

    private static final class CaseNames implements Iterable<String> {
        @Override
        public java.util.Iterator<String> iterator() {
            return CASES.stream()
                    .map(BenchCase::name)
                    .collect(Collectors.toList())
                    .iterator();
        }
    }

    private static final class SubjectNames implements Iterable<String> {
        @Override
        public java.util.Iterator<String> iterator() {
            return Arrays.stream(Subject.values())
                    .map(Subject::label)
                    .collect(Collectors.toList())
                    .iterator();
        }
    }
}
