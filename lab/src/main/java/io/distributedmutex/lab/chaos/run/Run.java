package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.Register;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Standstills;
import io.distributedmutex.lab.chaos.plan.Plan;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.worker.Worker;
import io.distributedmutex.lab.process.WorkerLogs;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Runs a chaos: its Redis, its proxies, its register, its workers and its faults; and collects all reports. */
public final class Run implements AutoCloseable {

    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    /**
     * How long keys may be left after the last worker's end: the longest lease, the longest claim, and 2 s for a busy machine.
     */
    private static final Duration LEFTOVER_BOUND =
            Worker.LONGEST_LEASE.plus(Duration.ofSeconds(2)).plus(Duration.ofSeconds(2));
    /** A fault is over at the latest so long after its planned end. */
    private static final long FAULT_END_SECONDS = 60;

    private final Settings settings;
    private final Path directory;
    private final Progress progress;
    private final Queue<Event> events = new ConcurrentLinkedQueue<>();
    private final ExecutorService injections = Executors.newCachedThreadPool();
    private @Nullable Deployment redis;
    private @Nullable Register register;
    private @Nullable Crew crew;
    private long originNanos;
    private volatile boolean closed;

    public Run(Settings settings, Path directory, Progress progress) {
        this.settings = settings;
        this.directory = directory;
        this.progress = progress;
    }

    /** Runs from the server's start to the last worker's end, and returns what is to be checked. */
    public RunRecord run() throws IOException, InterruptedException {
        List<String> keys = Worker.keys(settings.keys());
        Deployment deployment = start(keys);
        redis = deployment;
        Register numbers = Register.open(settings.sabotage() != Sabotage.UNFENCED);
        register = numbers;
        Crew workers = new Crew(settings, directory, numbers.port(), deployment::uri, this::tell);
        crew = workers;
        progress.starting(deployment.servers());
        workers.start();
        originNanos = System.nanoTime();
        progress.started(originNanos, workers.workers());
        long latest = originNanos + TimeUnit.MILLISECONDS.toNanos(Plan.lastMillis(settings));
        work(new Injector(deployment, settings.workers(), workers, keys, latest, this::tell));
        progress.stopping();
        if (!closed) {
            workers.end();
        }
        return new RunRecord(
                settings,
                originNanos,
                List.copyOf(events),
                numbers.log(),
                numbers.values(),
                closed ? List.of() : leftovers(deployment),
                WorkerLogs.complaints(directory));
    }

    private Deployment start(List<String> keys) {
        return switch (settings.topology()) {
            case STANDALONE -> new OneServer(settings.workers(), this::tell);
            case SENTINEL -> new WatchedPrimary(settings, this::tell);
            case CLUSTER ->
                new Shards(
                        settings,
                        settings.deadlocks()
                                ? Stream.concat(keys.stream(), Worker.circleKeys().stream())
                                        .toList()
                                : keys,
                        this::tell);
        };
    }

    private void tell(Event event) {
        events.add(event);
        progress.note(event);
    }

    private void work(Injector injector) throws InterruptedException {
        List<Step> steps = Plan.of(settings).steps();
        long end = originNanos + settings.duration().toNanos();
        Standstills standstills = new Standstills(0, this::tell);
        int next = 0;
        while (!closed && System.nanoTime() < end) {
            long now = standstills.tick();
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
            tell(Event.of(Kind.FAILED, 0, "", 0, "a fault has no end"));
        }
    }

    private void inject(Injector injector, int number, Step step) {
        try {
            injector.inject(number, step);
        } catch (IOException | RuntimeException | InterruptedException e) {
            if (!closed) {
                tell(Event.of(Kind.FAILED, 0, "", 0, step.fault() + ": " + e));
            }
        }
    }

    /** The keys that are in Redis once everything is over, but for the fence counters. */
    private static List<String> leftovers(Deployment redis) {
        long deadline = System.nanoTime() + LEFTOVER_BOUND.toNanos();
        while (true) {
            List<String> left =
                    redis.keys().stream().filter(key -> !key.endsWith(":fence")).toList();
            if (left.isEmpty() || System.nanoTime() > deadline) {
                return left;
            }
            LockSupport.parkNanos(TICK_NANOS);
        }
    }

    /** Whether this was ended from outside, by Ctrl-C. */
    public boolean isClosed() {
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
        if (register != null) {
            register.close();
        }
        if (redis != null) {
            redis.close();
        }
    }
}
