package io.distributedmutex.cli;

import io.distributedmutex.cli.ChaosEvent.Kind;
import io.distributedmutex.cli.ChaosPlan.Step;
import io.distributedmutex.testkit.EmbeddedRedis;
import io.distributedmutex.testkit.FaultyProxy;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Runs a chaos: its Redis, its proxies, its register, its workers and its faults; and collects all that is told. */
final class ChaosRun implements AutoCloseable {

    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long STALL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    /** After the last worker's end: the longest lease, the longest claim, and time for a busy machine. */
    private static final Duration LEFTOVER_BOUND =
            ChaosWorker.LONGEST_LEASE.plus(Duration.ofSeconds(2)).plus(Duration.ofSeconds(2));
    /** A fault is over at the latest so long after its planned end. */
    private static final long FAULT_END_SECONDS = 60;

    private final ChaosSettings settings;
    private final Path directory;
    private final ChaosProgress progress;
    private final Queue<ChaosEvent> events = new ConcurrentLinkedQueue<>();
    private final List<FaultyProxy> proxies = new ArrayList<>();
    private final ExecutorService injections = Executors.newCachedThreadPool();
    private @Nullable EmbeddedRedis redis;
    private @Nullable ChaosRegister register;
    private @Nullable ChaosCrew crew;
    private long originNanos;
    private volatile boolean closed;

    ChaosRun(ChaosSettings settings, Path directory, ChaosProgress progress) {
        this.settings = settings;
        this.directory = directory;
        this.progress = progress;
    }

    /** Runs from the server's start to the last worker's end, and returns what is to be checked. */
    ChaosRecord run() throws IOException, InterruptedException {
        // Kept data is written before each reply, so a killed server loses nothing that it has confirmed.
        EmbeddedRedis server = EmbeddedRedis.builder().dataKept(true).start();
        redis = server;
        ChaosRegister numbers = ChaosRegister.open(settings.sabotage() != ChaosSabotage.UNFENCED);
        register = numbers;
        for (int place = 1; place <= settings.workers(); place++) {
            proxies.add(FaultyProxy.to(server.port()));
        }
        ChaosCrew workers = new ChaosCrew(settings, directory, numbers.port(), proxies, this::tell);
        crew = workers;
        progress.starting(server);
        workers.start();
        originNanos = System.nanoTime();
        progress.started(originNanos, workers.workers());
        List<String> keys = ChaosWorker.keys(settings.keys());
        work(new ChaosInjector(server, proxies, workers, keys, this::tell));
        progress.stopping();
        if (!closed) {
            workers.end();
        }
        return new ChaosRecord(
                settings,
                originNanos,
                System.nanoTime(),
                List.copyOf(events),
                numbers.log(),
                numbers.values(),
                closed ? List.of() : leftovers(server),
                WorkerLogs.complaints(directory));
    }

    private void tell(ChaosEvent event) {
        events.add(event);
        progress.note(event);
    }

    private void work(ChaosInjector injector) throws InterruptedException {
        List<Step> steps = ChaosPlan.of(settings).steps();
        long end = originNanos + settings.duration().toNanos();
        long last = System.nanoTime();
        int next = 0;
        while (!closed && System.nanoTime() < end) {
            LockSupport.parkNanos(TICK_NANOS);
            long now = System.nanoTime();
            if (now - last > STALL_NANOS) {
                tell(ChaosEvent.of(Kind.STALL, 0, "", now - last, ""));
            }
            last = now;
            while (next < steps.size()
                    && now - originNanos
                            >= TimeUnit.MILLISECONDS.toNanos(steps.get(next).startMillis())) {
                Step step = steps.get(next);
                int number = ++next;
                injections.execute(() -> inject(injector, number, step));
            }
            progress.show(now);
        }
        injections.shutdown();
        if (!closed && !injections.awaitTermination(FAULT_END_SECONDS, TimeUnit.SECONDS)) {
            tell(ChaosEvent.of(Kind.FAILED, 0, "", 0, "a fault has no end"));
        }
    }

    private void inject(ChaosInjector injector, int number, Step step) {
        try {
            injector.inject(number, step);
        } catch (IOException | RuntimeException | InterruptedException e) {
            if (!closed) {
                tell(ChaosEvent.of(Kind.FAILED, 0, "", 0, step.fault() + ": " + e));
            }
        }
    }

    /** The keys that are in Redis once everything is over, but for the fence counters. */
    private static List<String> leftovers(EmbeddedRedis server) {
        long deadline = System.nanoTime() + LEFTOVER_BOUND.toNanos();
        while (true) {
            List<String> left = new ArrayList<>();
            if (server.command("KEYS", "*") instanceof List<?> keys) {
                keys.stream()
                        .map(String::valueOf)
                        .filter(key -> !key.endsWith(":fence"))
                        .forEach(left::add);
            }
            if (left.isEmpty() || System.nanoTime() > deadline) {
                return left;
            }
            LockSupport.parkNanos(TICK_NANOS);
        }
    }

    /** Whether this was ended from outside, by Ctrl-C. */
    boolean isClosed() {
        return closed;
    }

    /** Ends everything at once. */
    @Override
    public void close() {
        closed = true;
        injections.shutdownNow();
        if (crew != null) {
            crew.close();
        }
        proxies.forEach(FaultyProxy::close);
        if (register != null) {
            register.close();
        }
        if (redis != null) {
            redis.close();
        }
    }
}
