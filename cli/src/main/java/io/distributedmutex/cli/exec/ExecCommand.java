package io.distributedmutex.cli.exec;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexClosedException;
import io.distributedmutex.StoreException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.cli.console.Arguments;
import io.distributedmutex.cli.console.Durations;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Failures;
import io.distributedmutex.cli.console.Holder;
import io.distributedmutex.cli.console.LockText;
import io.distributedmutex.cli.console.ShutdownHook;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.cli.console.ToolVersion;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs a command under a lock. */
@Command(
        name = "exec",
        mixinStandardHelpOptions = true,
        versionProvider = ToolVersion.class,
        customSynopsis = "dmutex exec [OPTIONS] KEY -- COMMAND [ARG...]%n",
        description = {
            "Run a command while holding a lock, so that it runs in one place at a time.",
            "",
            "Waits for the lock, runs COMMAND with our input and output, releases the lock when it and all that it has"
                    + " started have ended, and ends with its exit code.",
            "",
            "COMMAND runs in a session of its own. SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGALRM are sent on to"
                    + " every process in it, Ctrl-Z stops it, and what COMMAND leaves behind when it was asked to end gets"
                    + " SIGKILL after --grace. What leaves the session (setsid, daemons) is not ours any more.",
            "",
            "In a session of its own COMMAND cannot ask on the terminal (/dev/tty): use --foreground for sudo, ssh and"
                    + " whatever else asks for passwords.",
            "",
            "The lock is kept by renewing its lease every third of --lease until COMMAND ends. If that fails, or somebody"
                    + " releases the lock by force, the lease is lost: every process of COMMAND gets SIGTERM, then"
                    + " SIGKILL, because another holder may work already. The same happens if dmutex itself is killed.",
            "",
            "COMMAND finds the key in DMUTEX_KEY, and in DMUTEX_FENCING_TOKEN a number that rises with every holder of"
                    + " this lock: hand it to what you write to, and have smaller ones refused there."
        },
        sortOptions = false,
        parameterListHeading = "%nArguments:%n",
        optionListHeading = "%nOptions:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "N:COMMAND's own exit code; 128 + n if signal n ended it",
            "64:the command line is wrong",
            "69:Redis was not reached",
            "70:something else failed",
            "75:not acquired: others held the lock all the time (try again later)",
            "76:the lease was lost while COMMAND ran, whatever it ended with",
            "77:Redis refused (password, permissions, memory, a key of another type)",
            "126:COMMAND cannot be executed",
            "127:COMMAND was not found"
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  dmutex exec report:daily -- ./report.sh --all",
            "  dmutex exec -n backup -- ./backup.sh            cron: skip this time if it still runs",
            "  dmutex exec -n --minimum-hold 30s mail -- ./mail.sh    cron on several machines: once",
            "  dmutex exec --wait 10m --renew 2h deploy -- make deploy",
            "  dmutex exec --foreground deploy -- sudo make install    asks for a password",
            "  dmutex exec k -- sh -c 'echo $DMUTEX_FENCING_TOKEN'"
        })
public final class ExecCommand implements Callable<Integer> {

    private static final Duration DEFAULT_RENEWAL = Duration.ofHours(24);

    /** How long the answer to the release is waited for: the command has ended, and so shall we. */
    private static final Duration RELEASE_PATIENCE = Duration.ofSeconds(5);

    /** How long we may take to end when a signal comes while we release. */
    private static final Duration LONGEST_RELEASE = Duration.ofSeconds(3);

    @Spec
    private @Nullable CommandSpec command;

    @Parameters(index = "0", paramLabel = "KEY", description = "What to lock: any name that all users of it agree on.")
    private String key = "";

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "COMMAND", description = "What to run, after a --.")
    private List<String> words = List.of();

    @Option(
            names = "--wait",
            paramLabel = "DURATION",
            converter = Durations.Converter.class,
            description = "How long to wait for the lock. Default: 5s")
    private Duration wait = LockOptions.defaults().waitTime();

    @Option(
            names = {"-n", "--no-wait"},
            description = "Do not wait: end with 75 if the lock is taken.")
    private boolean noWait;

    @Option(
            names = "--lease",
            paramLabel = "DURATION",
            converter = Durations.Converter.class,
            description = "How long the lock outlives us if this machine dies. Default: 1m")
    private Duration lease = LockOptions.defaults().leaseTime();

    @Option(
            names = "--renew",
            paramLabel = "DURATION",
            converter = Durations.Converter.class,
            description =
                    "How long the lock is renewed at most; COMMAND must have ended by then. 0: never, it has to end"
                            + " within --lease. Default: 24h")
    private @Nullable Duration renew;

    @Option(
            names = "--grace",
            paramLabel = "DURATION",
            converter = Durations.Converter.class,
            description =
                    "How long after SIGTERM what still runs gets SIGKILL, when the lease is lost or COMMAND has ended on"
                            + " a signal. Default: 10s")
    private Duration grace = Duration.ofSeconds(10);

    @Option(
            names = "--minimum-hold",
            paramLabel = "DURATION",
            converter = Durations.Converter.class,
            description =
                    "How long the lock stays taken at least, even if COMMAND ends before: for short jobs that cron"
                            + " starts on machines whose clocks differ. At most --lease. Default: 0")
    private Duration minimumHold = Duration.ZERO;

    @Option(
            names = "--foreground",
            description =
                    "Keep COMMAND in our session, so that it can ask on the terminal (/dev/tty). Then its children are"
                            + " found less surely: as its descendants, and on Linux by their environment.")
    private boolean foreground;

    @Option(
            names = "--label",
            paramLabel = "TEXT",
            description = "What others see as the holder. Default: user@host:process and COMMAND's name")
    private @Nullable String label;

    @Mixin
    private StoreOptions store = new StoreOptions();

    /** Whether somebody gives the lock back: we, when the command has ended, or the shutdown hook, if it comes first. */
    private final AtomicBoolean givenBack = new AtomicBoolean();

    private final CountDownLatch released = new CountDownLatch(1);

    @Override
    public Integer call() throws InterruptedException {
        CommandSpec spec = checked();
        LockOptions options = lockOptions(spec);
        try (Server server = store.open();
                DistributedMutex mutex =
                        server.connectMutex(label != null ? label : Holder.label(words.get(0)), options)) {
            GuardedCommand guarded = new GuardedCommand(
                    words,
                    environment(server),
                    grace,
                    foreground,
                    message -> Failures.tell(spec.commandLine(), message));
            try (ShutdownHook hook = ShutdownHook.of(() -> endedFromOutside(guarded, mutex))) {
                return runUnder(acquire(mutex), guarded, server, spec);
            } catch (MutexClosedException e) {
                if (givenBack.get()) {
                    return ExitCodes.INTERRUPTED; // Not seen by anybody: the JVM ends with the signal's code.
                }
                throw e;
            }
        }
    }

    /** A signal came while we waited for the lock, or too early for it to be the command's. */
    private void endedFromOutside(GuardedCommand guarded, DistributedMutex mutex) {
        guarded.end();
        if (givenBack.compareAndSet(false, true)) {
            mutex.close();
            return;
        }
        try {
            released.await(LONGEST_RELEASE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Map<String, String> environment(Server server) {
        Map<String, String> environment = new HashMap<>();
        environment.put("DMUTEX_KEY", key);
        if (server.embedded() != null) {
            environment.put(StoreOptions.REDIS_URL, server.uri());
        }
        return environment;
    }

    private int runUnder(Lease held, GuardedCommand guarded, Server server, CommandSpec spec)
            throws InterruptedException {
        int exitCode = guarded.run(held);
        if (!givenBack.compareAndSet(false, true)) {
            return exitCode;
        }
        try {
            return giveBack(held, exitCode, server, spec);
        } finally {
            released.countDown();
        }
    }

    private int giveBack(Lease held, int exitCode, Server server, CommandSpec spec) {
        if (held.state() == LeaseState.LOST) {
            Failures.tell(spec.commandLine(), "the command ended with " + exitCode + " after its lease was lost");
            return ExitCodes.LEASE_LOST;
        }
        if (server.hasEnded()) {
            return exitCode; // Ctrl-C on a terminal ends a throw-away server too, and the lock with it.
        }
        try {
            if (!release(held)) {
                Failures.tell(
                        spec.commandLine(),
                        "the command ended with " + exitCode + ", but its lease had been lost before"
                                + held.lossReason()
                                        .map(reason -> " (" + reason + ")")
                                        .orElse(""));
                return ExitCodes.LEASE_LOST;
            }
        } catch (StoreException e) {
            // The lease was valid to the end of the command, by the clock. Only who comes next has to wait.
            Failures.tell(spec.commandLine(), Failures.messageOf(e));
        }
        return exitCode;
    }

    /** Releases, with a bound: {@code release()} would wait as long as we may wait for the lock. */
    private static boolean release(Lease held) {
        CompletableFuture<Boolean> answer = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        answer.complete(held.release());
                    } catch (RuntimeException e) {
                        answer.completeExceptionally(e);
                    }
                },
                "dmutex-release");
        thread.setDaemon(true);
        thread.start();
        try {
            return answer.orTimeout(RELEASE_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof TimeoutException) {
                throw new StoreUnreachableException(
                        "release of '" + Messages.shown(held.key()) + "' was not confirmed within "
                                + Messages.about(RELEASE_PATIENCE) + "; the lock frees itself at its lease's end",
                        e);
            }
            if (e.getCause() instanceof StoreException refused) {
                throw refused;
            }
            throw e;
        }
    }

    private Lease acquire(DistributedMutex mutex) {
        if (!noWait && !wait.isZero()) {
            return mutex.acquire(key);
        }
        Optional<Lease> now = mutex.tryAcquire(key);
        if (now.isPresent()) {
            return now.get();
        }
        Optional<LockInfo> holder = mutex.inspect(key);
        throw new LockNotAcquiredException(
                "'" + Messages.shown(key) + "' not acquired: "
                        + holder.map(LockText::holding).orElse("others were waiting for it"),
                key,
                null,
                null);
    }

    private CommandSpec checked() {
        CommandSpec spec = Arguments.present(command);
        List<String> arguments = spec.commandLine().getParseResult().originalArgs();
        int separator = arguments.indexOf("--");
        if (separator < 0 || !arguments.subList(separator + 1, arguments.size()).equals(words)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "put -- between the key and the command, as in: dmutex exec [OPTIONS] KEY -- COMMAND [ARG...]");
        }
        Arguments.checkKey(spec, key);
        words.forEach(word -> Arguments.checkReadable(spec, "the command's argument", word));
        return spec;
    }

    private LockOptions lockOptions(CommandSpec spec) {
        Arguments.checkBounds(spec, "--wait", wait, Duration.ZERO, LockOptions.MAXIMUM);
        Arguments.checkBounds(spec, "--lease", lease, LockOptions.MINIMUM_LEASE_TIME, LockOptions.MAXIMUM);
        Arguments.checkBounds(spec, "--grace", grace, Duration.ZERO, LockOptions.MAXIMUM);
        Arguments.checkBounds(spec, "--minimum-hold", minimumHold, Duration.ZERO, LockOptions.MAXIMUM);
        Duration maximumHold = renew;
        if (maximumHold == null) {
            maximumHold = lease.compareTo(DEFAULT_RENEWAL) > 0 ? lease : DEFAULT_RENEWAL;
        }
        if (!maximumHold.isZero()) {
            Arguments.checkBounds(spec, "--renew", maximumHold, Duration.ofMillis(1), LockOptions.MAXIMUM);
            if (lease.compareTo(LockOptions.MINIMUM_RENEWED_LEASE_TIME) < 0) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--lease " + Durations.format(lease) + " is too short to be renewed: use at least "
                                + Durations.format(LockOptions.MINIMUM_RENEWED_LEASE_TIME) + ", or --renew 0");
            }
            if (maximumHold.compareTo(lease) < 0) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--renew " + Durations.format(maximumHold) + " is shorter than --lease "
                                + Durations.format(lease) + "; use a shorter lease, or --renew 0");
            }
        }
        if (minimumHold.compareTo(lease) > 0) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--minimum-hold " + Durations.format(minimumHold) + " is longer than --lease "
                            + Durations.format(lease) + "; use a longer lease");
        }
        return LockOptions.builder()
                .minimumHold(minimumHold)
                .leaseTime(lease)
                .waitTime(wait)
                .autoRenew(maximumHold)
                .build();
    }
}
