package io.distributedmutex.lab.chaos;

import io.distributedmutex.cli.console.Arguments;
import io.distributedmutex.cli.console.Durations;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.ShutdownHook;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.lab.chaos.check.Check;
import io.distributedmutex.lab.chaos.check.Checker;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.chaos.report.Report;
import io.distributedmutex.lab.chaos.report.Summary;
import io.distributedmutex.lab.chaos.run.Progress;
import io.distributedmutex.lab.chaos.run.Run;
import io.distributedmutex.lab.output.OutputFolder;
import io.distributedmutex.lab.output.Verdict;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Attacks the library with real processes, and checks what it promises. */
@Command(
        name = "chaos",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        description = {
            "Attack the locks with real processes and real faults, and check what the library promises.",
            "",
            "Starts a Redis of its own and worker processes, each behind a proxy of its own. They ask for a few keys in every"
                    + " way that the library has, and write what the keys guard with fencing tokens. Meanwhile workers"
                    + " are killed and stopped; Redis is killed, stopped, emptied, put to sleep and starved of memory;"
                    + " connections are cut, slowed, cut at a byte, and lost without a sign. Afterwards a checker goes"
                    + " through all that happened, and a page shows it. Nothing but its own processes is touched.",
            "",
            "With Sentinels or a cluster (--topology) primaries are also killed, stopped, replaced by plan and cut off from"
                    + " their peers or from workers, Sentinels are killed, and slots are moved. A failover may lose locks: so"
                    + " two leases may overlap around one, and nowhere else, and what the overtaken one writes must be"
                    + " refused. The servers are Redis 6.2, or those that DMUTEX_REDIS_EXECUTABLE names (a path, or"
                    + " 'installed').",
            "",
            "The seed decides which faults come when, and what the workers try; what meets what is up to the machine."
        },
        abbreviateSynopsis = true,
        sortOptions = false,
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:all checks passed",
            "1:a promise was broken, or a worker failed",
            "64:the command line is wrong",
            "69:the throw-away Redis did not start"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex chaos                                 one minute, which has every kind that matters",
            "  dmutex chaos --minutes 10 --seed 7 --output /tmp/chaos",
            "  dmutex chaos --seconds 90 --workers 8 --keys 2",
            "  dmutex chaos --minutes 5 --deadlocks",
            "  dmutex chaos --minutes 5 --topology cluster"
        })
public final class ChaosCommand implements Callable<Integer> {

    static final String FOLDER = "dmutex-chaos";
    /** What a run writes. */
    static final String FILES = "history\\.tsv|summary\\.txt|report\\.html|worker-\\d+\\.log";

    private static final Duration LEAST = Duration.ofSeconds(10);
    /** All reports are kept in memory until the end. */
    private static final Duration MOST = Duration.ofHours(1);

    private static final int LEAST_WORKERS = 2;
    private static final int MOST_WORKERS = 16;
    private static final int MOST_KEYS = 32;
    private static final int LEAST_KEYS_OF_CLUSTER = 2;

    @Spec
    private @Nullable CommandSpec command;

    @Option(
            names = "--topology",
            paramLabel = "TOPOLOGY",
            converter = Topology.Converter.class,
            completionCandidates = Topology.Candidates.class,
            description = {
                "What is attacked. Default: standalone",
                "  standalone: one Redis",
                "  sentinel: a primary, two replicas, three Sentinels",
                "  cluster: three masters with a replica each, which have the keys by turns"
            })
    private Topology topology = Topology.STANDALONE;

    @ArgGroup
    private @Nullable Length length;

    @Option(names = "--seed", paramLabel = "N", description = "Decides faults and workloads. Default: random")
    private @Nullable Long seed;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description = "How many processes at a time, from 2 to 16. Default: ${DEFAULT-VALUE}")
    private int workers = 4;

    @Option(
            names = "--keys",
            paramLabel = "N",
            description = "How many keys they share, from 1 to 32. Default: ${DEFAULT-VALUE}")
    private int keys = 4;

    @Option(
            names = "--output",
            paramLabel = "DIR",
            description =
                    "Where the report, the history and the workers' logs go. Default: ./dmutex-chaos, or a temporary"
                            + " folder if that cannot be written")
    private @Nullable Path output;

    @Option(
            names = "--deadlocks",
            description =
                    "Let each worker also hold one of three keys while it waits for another, so that they wait for each"
                            + " other in circles; and check that each is told of, and broken by one of them. Without this it is"
                            + " checked that none is told of.")
    private boolean deadlocks;

    @Option(names = "--sabotage", hidden = true)
    private Sabotage sabotage = Sabotage.NONE;

    /** How long; one way or the other. */
    private static final class Length {
        @Option(
                names = "--minutes",
                paramLabel = "N",
                description = "How long the workers work, also with a fraction; from 10 s to 60 min. Default: 1")
        private @Nullable Double minutes;

        @Option(names = "--seconds", paramLabel = "N", description = "The same in seconds.")
        private @Nullable Double seconds;

        double inSeconds() {
            return minutes != null ? minutes * 60 : seconds != null ? seconds : 60;
        }
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        CommandSpec spec = Arguments.present(command);
        Arguments.checkRange(spec, "--workers", workers, LEAST_WORKERS, MOST_WORKERS);
        checkKeys(spec);
        checkSabotage(spec);
        long chosenSeed = seed == null ? new Random().nextInt(1_000_000) : seed;
        Settings settings = new Settings(topology, duration(spec), chosenSeed, workers, keys, deadlocks, sabotage);
        PrintWriter out = spec.commandLine().getOut();
        try (OutputFolder folder = OutputFolder.open(output, FOLDER, FILES);
                Run run = new Run(settings, folder.path(), new Progress(out, settings))) {
            RunRecord record;
            try (ShutdownHook hook = ShutdownHook.of(run::close)) {
                record = run.run();
            }
            if (run.isClosed()) {
                return ExitCodes.INTERRUPTED;
            }
            return report(record, folder, out);
        }
    }

    private static int report(RunRecord record, OutputFolder folder, PrintWriter out) throws IOException {
        History history = History.of(record.events());
        Verdict<Check> verdict = Checker.check(history, record);
        String summary = Summary.text(history, record, verdict);
        try (Writer rows = folder.writer("history.tsv")) {
            rows.write(Event.COLUMNS + "\n");
            for (Event event : history.events()) {
                rows.write(event.row(record.originNanos()) + "\n");
            }
        }
        folder.write("summary.txt", summary);
        Path report = folder.write("report.html", Report.html(history, record, verdict));
        out.println();
        out.print(summary);
        out.println();
        out.println("What happened when: " + report);
        out.flush();
        return verdict.passed() ? ExitCodes.OK : ExitCodes.NO;
    }

    private void checkKeys(CommandSpec spec) {
        Arguments.checkRange(spec, "--keys", keys, 1, MOST_KEYS);
        if (topology == Topology.CLUSTER && keys < LEAST_KEYS_OF_CLUSTER) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--keys must be from " + LEAST_KEYS_OF_CLUSTER + " to " + MOST_KEYS + " with --topology " + topology
                            + ", where keys of other shards are looked at, but is " + keys);
        }
    }

    private void checkSabotage(CommandSpec spec) {
        if (!sabotage.isFor(topology)) {
            throw new ParameterException(
                    spec.commandLine(), "--sabotage " + sabotage + " makes no difference with --topology " + topology);
        }
    }

    private Duration duration(CommandSpec spec) {
        double seconds = length == null ? 60 : length.inSeconds();
        if (!(seconds >= LEAST.toSeconds() && seconds <= MOST.toSeconds())) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--minutes or --seconds must be from " + Durations.format(LEAST) + " to " + Durations.format(MOST)
                            + ", but is " + seconds + " s");
        }
        return Duration.ofMillis(Math.round(seconds * 1_000));
    }
}
