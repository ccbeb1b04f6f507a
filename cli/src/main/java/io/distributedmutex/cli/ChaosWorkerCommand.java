package io.distributedmutex.cli;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockOptions;
import io.distributedmutex.StoreException;
import io.distributedmutex.cli.ChaosEvent.Kind;
import io.distributedmutex.cli.StoreOptions.Server;
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
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * One of the processes of {@code dmutex chaos}. It works until it reads {@code stop}, and tells on its standard output what it
 * does, an event a line. When its input ends, so does it: nothing outlives the run.
 */
@Command(name = "chaos-worker", hidden = true, description = "For 'dmutex chaos' alone.")
final class ChaosWorkerCommand implements Callable<Integer> {

    /** A dead connection is noticed within two of these. */
    static final Duration COMMAND_TIMEOUT = Duration.ofMillis(500);

    private static final long CONNECT_RETRY_MILLIS = 50;

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

    @Option(names = "--sabotage", required = true)
    private ChaosSabotage sabotage = ChaosSabotage.NONE;

    private final CountDownLatch stop = new CountDownLatch(1);

    /** The command line of a worker. */
    static List<String> arguments(int id, ChaosSettings settings, int registerPort) {
        return List.of(
                "chaos-worker",
                "--id",
                Integer.toString(id),
                "--seed",
                Long.toString(settings.seed() * 1_000 + id),
                "--keys",
                Integer.toString(settings.keys()),
                "--register",
                Integer.toString(registerPort),
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
        ChaosTelling telling = new ChaosTelling(id, event -> tell(events, event));
        Thread orders = new Thread(this::obey, "orders");
        orders.setDaemon(true);
        orders.start();
        try (Server server = store.open()) {
            DistributedMutex mutex = connect(server);
            if (mutex != null) {
                ChaosWorker worker =
                        new ChaosWorker(id, seed, mutex, keys, registerPort, sabotage, server.timeout(), telling);
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
    private @Nullable DistributedMutex connect(Server server) throws InterruptedException {
        LockOptions options = LockOptions.builder()
                .leaseTime(Duration.ofSeconds(1))
                .waitTime(Duration.ofSeconds(2))
                .build();
        while (true) {
            try {
                return server.connectMutex("worker " + id, options);
            } catch (StoreException e) {
                if (stop.await(CONNECT_RETRY_MILLIS, TimeUnit.MILLISECONDS)) {
                    return null;
                }
            }
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

    private static void tell(PrintStream events, ChaosEvent event) {
        String line = event.line();
        synchronized (events) {
            events.println(line);
            events.flush();
        }
    }
}
