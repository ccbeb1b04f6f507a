package io.distributedmutex.lab.demo;

import io.distributedmutex.cli.console.Arguments;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.ShutdownHook;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.cli.console.Terminal;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.lab.demo.Checker.Remains;
import io.distributedmutex.lab.output.OutputFolder;
import io.distributedmutex.lab.output.Verdict;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Shows what the library does, and checks it. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        description = {
            "See it work: processes share two kinds of work by locks, one is killed, and everything is checked.",
            "",
            "Starts a throw-away Redis (or uses --redis) and worker processes. Each adds to one counter in a file, reading"
                    + " and writing it in two steps; and all are offered the same jobs, of which each must be done once."
                    + " In the middle one worker is killed (-9) between its read and its write: the next gets the lock"
                    + " as soon as the dead worker's lease has ended. Afterwards a checker goes through all that"
                    + " happened, and a picture shows who held what when."
        },
        abbreviateSynopsis = true,
        sortOptions = false,
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:all checks passed",
            "1:two holders at once, a lost update, a job done twice or never, a fencing token that did not rise, no"
                    + " take-over, or a worker that failed",
            "64:the command line is wrong",
            "69:Redis was not reached"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex demo",
            "  dmutex demo --seconds 60 --workers 8 --output /tmp/demo",
            "  dmutex demo --without-lock                   what happens if everybody just goes ahead"
        })
public final class DemoCommand implements Callable<Integer> {

    static final String FOLDER = "dmutex-demo";
    /** What a demo writes. */
    static final String FILES =
            "counter(\\.draft-\\d+)?|jobs|history\\.tsv|summary\\.txt|timeline\\.svg|worker-\\d+\\.log";

    private static final int LEAST_SECONDS = 5;
    private static final int MOST_SECONDS = 600;
    private static final int MOST_WORKERS = 16;

    @Spec
    private @Nullable CommandSpec command;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            description = "How long the workers work, from 5 to 600. Default: ${DEFAULT-VALUE}")
    private int seconds = 20;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description = "How many processes, from 2 to 16. Default: ${DEFAULT-VALUE}")
    private int workers = 4;

    @Option(
            names = "--output",
            paramLabel = "DIR",
            description = "Where the picture and the history go. Default: ./dmutex-demo, or a temporary folder if that"
                    + " cannot be written")
    private @Nullable Path output;

    @Option(names = "--seed", paramLabel = "N", description = "Decides who is killed, and all pauses. Default: random")
    private @Nullable Long seed;

    @Option(names = "--without-lock", description = "Take no locks, to see that the checks fail (exit code 1).")
    private boolean withoutLock;

    @Mixin
    private StoreOptions store = new StoreOptions();

    @Override
    public Integer call() throws IOException, InterruptedException {
        CommandSpec spec = Arguments.present(command);
        Arguments.checkRange(spec, "--seconds", seconds, LEAST_SECONDS, MOST_SECONDS);
        Arguments.checkRange(spec, "--workers", workers, 2, MOST_WORKERS);
        long chosenSeed = seed == null ? new Random().nextInt(1_000_000) : seed;
        Settings settings = new Settings(seconds, workers, chosenSeed, withoutLock);
        PrintWriter out = spec.commandLine().getOut();
        Progress progress = new Progress(out, Terminal.isStandardOutput(), settings);
        try (Server given = store.openOrEmbedded();
                Server server =
                        given.withPrefix(given.prefix() + "dmutex-demo-" + Long.toHexString(System.nanoTime()) + ":");
                OutputFolder folder = OutputFolder.open(output, FOLDER, FILES);
                Run run = new Run(settings, server, folder.path(), progress)) {
            server.connectStore().close(); // If it is not there, we say so, and not each worker.
            progress.starting(given.description());
            try (ShutdownHook hook = ShutdownHook.of(run::close)) {
                run.run();
            }
            if (run.isClosed()) {
                return ExitCodes.INTERRUPTED;
            }
            return report(run, folder, settings, out);
        }
    }

    private static int report(Run run, OutputFolder folder, Settings settings, PrintWriter out) throws IOException {
        History history = run.history();
        Remains remains = new Remains(
                new FencedFile(folder.path().resolve("counter"), 0).value(),
                new JobLog(folder.path().resolve("jobs")).jobs(),
                run.offered(),
                true);
        Verdict<Check> verdict = Checker.check(history, remains, run.originNanos());
        String summary = Summary.text(history, verdict, run.workers());
        StringBuilder rows = new StringBuilder(Event.COLUMNS).append('\n');
        history.events()
                .forEach(event -> rows.append(event.row(run.originNanos())).append('\n'));
        folder.write("history.tsv", rows.toString());
        folder.write("summary.txt", summary);
        Path timeline = folder.write("timeline.svg", Timeline.svg(history, run.originNanos(), settings));
        out.println();
        out.print(summary);
        out.println();
        out.println("Who held what when: " + timeline);
        out.flush();
        return verdict.passed() ? ExitCodes.OK : ExitCodes.NO;
    }
}
