package io.distributedmutex.lab.demo;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockOptions;
import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.Failures;
import io.distributedmutex.cli.console.StoreOptions;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.lab.demo.Event.Kind;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * One of the processes of {@code dmutex demo}. It reads its orders from standard input, a line each: {@code start},
 * {@code job N}, {@code stall}, {@code stop}. It reports on its standard output what it does, an event on each line. When
 * its input ends, it ends too, so that no worker outlives the demo.
 */
@Command(name = "demo-worker", description = "For 'dmutex demo' alone.")
final class WorkerCommand implements Callable<Integer> {

    /** How long the shared file's lock outlives a killed worker. */
    static final Duration COUNTER_LEASE = Duration.ofSeconds(2);

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @Mixin
    private StoreOptions store = new StoreOptions();

    @Option(names = "--id", required = true)
    private int id;

    @Option(names = "--directory", required = true)
    private Path directory = Path.of(".");

    @Option(names = "--seed", required = true)
    private long seed;

    @Option(names = "--without-lock")
    private boolean withoutLock;

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
    static List<String> arguments(int id, Server server, Path directory, Settings settings) {
        List<String> arguments = new ArrayList<>(List.of("--id", Integer.toString(id)));
        arguments.addAll(List.of("--directory", directory.toString()));
        arguments.addAll(List.of("--seed", Long.toString(settings.seed() + id)));
        arguments.add("--prefix=" + server.prefix());
        arguments.addAll(List.of("--timeout", server.timeout().toString()));
        if (settings.withoutLock()) {
            arguments.add("--without-lock");
        }
        return arguments;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        PrintStream events = System.out;
        // Whatever else prints goes to the log.
        System.setOut(System.err);
        try (Server server = store.open();
                DistributedMutex mutex = withoutLock ? null : connect(server)) {
            Worker worker = new Worker(id, directory, seed, mutex, event -> tell(events, event));
            tell(
                    events,
                    Event.now(id, Kind.READY, "", 0, ProcessHandle.current().pid()));
            obey(worker);
            worker.await();
        }
        tell(events, Event.now(id, Kind.BYE, "", 0, 0));
        return ExitCodes.OK;
    }

    private DistributedMutex connect(Server server) {
        LockOptions options = LockOptions.builder()
                .leaseTime(COUNTER_LEASE)
                .waitTime(PATIENCE)
                .build();
        return server.connectMutex("worker " + id, options);
    }

    private static void obey(Worker worker) throws IOException {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = orders.readLine(); !"stop".equals(line); line = orders.readLine()) {
            if (line == null) {
                Runtime.getRuntime().halt(ExitCodes.FAILED);
            } else if (line.equals("start")) {
                worker.start();
            } else if (line.equals("stall")) {
                worker.stallAtNextUpdate();
            } else if (line.startsWith("job ")) {
                worker.offer(Integer.parseInt(line.substring(4)));
            }
        }
        worker.stop();
    }

    private static void tell(PrintStream events, Event event) {
        synchronized (events) {
            events.println(event.line());
            events.flush();
        }
    }
}
