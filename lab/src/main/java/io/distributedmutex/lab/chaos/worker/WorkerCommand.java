package io.distributedmutex.lab.chaos.worker;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.StoreException;
import io.distributedmutex.cli.console.Durations;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Failures;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * One of the processes of {@code dmutex chaos}. It works until it reads {@code stop}. It reports on its standard output what
 * it does, an event on each line. When its input ends, it ends too, so that no worker outlives the run.
 */
@Command(name = "chaos-worker", description = "For 'dmutex chaos' alone.")
public final class WorkerCommand implements Callable<Integer> {

    /** A dead connection is noticed within two of these. */
    static final Duration COMMAND_TIMEOUT = Duration.ofMillis(500);

    private static final long CONNECT_RETRY_MILLIS = 50;

    private static final String LABEL = "worker ";

    @Mixin
    private StoreOptions store = new StoreOptions();

    @Option(names = "--id", required = true)
    private int id;

    @Option(names = "--seed", required = true)
    private long seed;

    @Option(names = "--keys", required = true)
    private int keys;

    @Option(names = "--register", required = true)
    private int registerPort;

    @Option(names = "--deadlocks", required = true, arity = "1")
    private boolean deadlocks;

    @Option(names = "--sabotage", required = true)
    private Sabotage sabotage = Sabotage.NONE;

    private final CountDownLatch stop = new CountDownLatch(1);

    /**
     * The entry of the process.
     *
     * @param arguments the options
     */
    public static void main(String[] arguments) {
        Failures failures = new Failures();
        System.exit(new CommandLine(new WorkerCommand())
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures)
                .execute(arguments));
    }

    /** The command line of a worker. */
    public static List<String> arguments(int id, Settings settings, int registerPort) {
        return List.of(
                "--id",
                Integer.toString(id),
                "--seed",
                Long.toString(settings.seed() * 1_000 + id),
                "--keys",
                Integer.toString(settings.keys()),
                "--register",
                Integer.toString(registerPort),
                "--deadlocks",
                Boolean.toString(settings.deadlocks()),
                "--sabotage",
                settings.sabotage().name(),
                "--timeout",
                Durations.format(COMMAND_TIMEOUT));
    }

    @Override
    public Integer call() throws InterruptedException {
        PrintStream events = System.out;
        // Whatever else prints goes to the log.
        System.setOut(System.err);
        Telling telling = new Telling(id, event -> tell(events, event));
        Thread orders = new Thread(this::obey, "orders");
        orders.setDaemon(true);
        orders.start();
        try (Server server = store.open()) {
            DistributedMutex mutex = connect(server, telling);
            if (mutex != null) {
                warmUp(mutex);
                Worker worker =
                        new Worker(id, seed, mutex, keys, registerPort, deadlocks, sabotage, server.timeout(), telling);
                telling.tell(Kind.READY, 0, "", 0, ProcessHandle.current().pid(), "");
                telling.start();
                worker.start();
                stop.await();
                worker.stop();
                telling.stop();
            }
        }
        telling.tell(Kind.BYE, 0, "", 0, 0, "");
        return ExitCodes.OK;
    }

    /** A worker that takes another's place may find Redis away. */
    private @Nullable DistributedMutex connect(Server server, Telling telling) throws InterruptedException {
        LockOptions options = LockOptions.builder()
                .leaseTime(Duration.ofSeconds(1))
                .waitTime(Duration.ofSeconds(2))
                .build();
        OnDeadlock reaction = deadlocks ? OnDeadlock.FAIL : OnDeadlock.REPORT;
        while (true) {
            try {
                return server.connectMutex(
                        LABEL + id,
                        options,
                        builder -> builder.listener(new Deadlocks(telling))
                                .deadlocks(sabotage == Sabotage.BLIND ? OnDeadlock.IGNORE : reaction));
            } catch (StoreException e) {
                if (stop.await(CONNECT_RETRY_MILLIS, TimeUnit.MILLISECONDS)) {
                    return null;
                }
            }
        }
    }

    /** Loads the classes that a call needs, so that none of those that are timed does. */
    private void warmUp(DistributedMutex mutex) {
        try {
            mutex.tryAcquire("warm-up-" + id).ifPresent(Lease::close);
        } catch (StoreException e) {
            // Redis is away again, and it takes longer.
        }
    }

    /** Tells of each. */
    private static final class Deadlocks implements MutexListener {
        private final Telling telling;

        Deadlocks(Telling telling) {
            this.telling = telling;
        }

        @Override
        public void onDeadlock(Deadlock circle) {
            String waits = circle.waits().stream()
                    .map(wait -> wait.holderLabel().replace(LABEL, "") + ">" + wait.key() + "#" + wait.fencingToken())
                    .collect(Collectors.joining(" "));
            telling.tell(Kind.DEADLOCK, 0, circle.waits().get(0).key(), 0, 0, waits);
        }
    }

    private void obey() {
        try (BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
            if (!"stop".equals(orders.readLine())) {
                Runtime.getRuntime().halt(ExitCodes.FAILED);
            }
            stop.countDown();
            orders.readLine();
        } catch (IOException e) {
            Runtime.getRuntime().halt(ExitCodes.FAILED);
        }
        Runtime.getRuntime().halt(ExitCodes.FAILED);
    }

    private static void tell(PrintStream events, Event event) {
        String line = event.line();
        synchronized (events) {
            events.println(line);
            events.flush();
        }
    }
}
