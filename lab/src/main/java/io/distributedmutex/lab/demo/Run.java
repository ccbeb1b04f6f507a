package io.distributedmutex.lab.demo;

import io.distributedmutex.cli.console.ExitCodes;
import io.distributedmutex.cli.console.StoreOptions.Server;
import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.process.WorkerProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Runs the workers of a demo: offers them jobs, kills one while it holds the shared file's lock, and collects what they
 * tell. One thread does all of it: every few milliseconds it looks at the events that the readers of the workers' output bring.
 */
final class Run implements AutoCloseable {

    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long JOB_INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
    /** No job is offered later than this before the end. */
    private static final long LAST_JOB_NANOS = TimeUnit.MILLISECONDS.toNanos(700);
    /** When the kill comes, as a part of the whole time. */
    private static final double KILL_AT = 0.35;
    /** Bounds for a busy machine, far above what is usual. */
    private static final long START_NANOS = TimeUnit.SECONDS.toNanos(60);

    private static final long END_MILLIS = 30_000;

    private final Settings settings;
    private final Server server;
    private final Path directory;
    private final Progress progress;

    private final Queue<Event> inbox = new ConcurrentLinkedQueue<>();
    private final List<WorkerProcess> workers = new CopyOnWriteArrayList<>();
    private volatile boolean closed;

    private final List<Event> events = new ArrayList<>();
    private final Set<Integer> ready = new HashSet<>();
    private final List<Integer> offered = new ArrayList<>();
    private long originNanos;

    private @Nullable WorkerProcess victim;
    private @Nullable Event stalled;
    private @Nullable WorkerProcess replacement;
    private boolean takenOver;

    Run(Settings settings, Server server, Path directory, Progress progress) {
        this.settings = settings;
        this.server = server;
        this.directory = directory;
        this.progress = progress;
    }

    /** Runs from the first worker's start to the last one's end. */
    void run() throws IOException, InterruptedException {
        for (int i = 0; i < settings.workers(); i++) {
            startWorker();
        }
        awaitReady();
        if (closed) {
            return;
        }
        originNanos = System.nanoTime();
        progress.started(originNanos, workers);
        workers.forEach(worker -> worker.tell("start"));
        work();
        finish();
    }

    private void work() throws IOException {
        long endNanos = originNanos + TimeUnit.SECONDS.toNanos(settings.seconds());
        long killNanos = originNanos + (long) ((endNanos - originNanos) * KILL_AT);
        long nextJobNanos = originNanos;
        for (long now = originNanos; now < endNanos && !closed; now = System.nanoTime()) {
            receive();
            if (now >= nextJobNanos && now < endNanos - LAST_JOB_NANOS) {
                offerJob();
                nextJobNanos += JOB_INTERVAL_NANOS;
            }
            if (now >= killNanos && victim == null) {
                victim = workers.get(new Random(settings.seed()).nextInt(settings.workers()));
                victim.tell("stall");
            }
            startReplacement();
            progress.show(now, offered.size());
            LockSupport.parkNanos(TICK_NANOS);
        }
    }

    private WorkerProcess startWorker() throws IOException {
        int id = workers.size() + 1;
        List<String> arguments = WorkerCommand.arguments(id, server, directory, settings);
        WorkerProcess worker = WorkerProcess.start(
                id, WorkerCommand.class, arguments, server.uri(), directory.resolve("worker-" + id + ".log"), line -> {
                    Event event = Event.parse(id, line);
                    if (event != null) {
                        inbox.add(event);
                    }
                });
        workers.add(worker);
        if (closed) {
            worker.destroy();
        }
        return worker;
    }

    private void offerJob() {
        int job = offered.size() + 1;
        offered.add(job);
        workers.forEach(worker -> worker.tell("job " + job));
    }

    private void receive() {
        for (Event event = inbox.poll(); event != null; event = inbox.poll()) {
            record(event);
            if (event.kind() == Kind.READY) {
                ready.add(event.worker());
            } else if (event.kind() == Kind.STALLED) {
                kill(event);
            } else if (event.kind() == Kind.ENTER && event.key().equals(History.COUNTER)) {
                noteTakeOver(event);
            }
        }
    }

    private void record(Event event) {
        events.add(event);
        progress.note(event);
    }

    private void kill(Event stalledNow) {
        WorkerProcess dying = victim;
        if (dying != null && stalled == null && !closed) {
            stalled = stalledNow;
            // As far as the events go at this moment.
            Event killed = Event.now(dying.id(), Kind.KILLED, "", 0, dying.pid());
            dying.kill();
            record(killed);
            progress.killed(killed, dying.pid(), stalledNow);
        }
    }

    private void noteTakeOver(Event entered) {
        Event before = stalled;
        if (before != null && !takenOver && entered.nanos() > before.nanos()) {
            takenOver = true;
            progress.takenOver(entered, before);
        }
    }

    private void startReplacement() throws IOException {
        if (takenOver && replacement == null) {
            replacement = startWorker();
        } else if (replacement != null && victim != null && ready.remove(replacement.id())) {
            replacement.tell("start");
            progress.replaced(replacement.id(), replacement.pid(), victim.id());
        }
    }

    private void awaitReady() {
        long deadline = System.nanoTime() + START_NANOS;
        while (!closed && !workers.stream().allMatch(worker -> ready.contains(worker.id()) || !worker.isAlive())) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(
                        "the workers were not ready within 60 s; see worker-*.log in " + directory);
            }
            LockSupport.parkNanos(TICK_NANOS);
            receive();
        }
    }

    private void finish() throws InterruptedException {
        if (closed) {
            return;
        }
        progress.stopping();
        workers.forEach(worker -> worker.tell("stop"));
        for (WorkerProcess worker : workers) {
            if (!worker.awaitEnd(END_MILLIS)) {
                fail(worker, "did not end within " + END_MILLIS / 1_000 + " s");
                worker.destroy();
            } else if (!worker.wasKilled() && worker.exitCode() != ExitCodes.OK && !closed) {
                fail(worker, "ended with " + worker.exitCode() + "; see worker-" + worker.id() + ".log");
            }
            receive();
        }
    }

    private void fail(WorkerProcess worker, String what) {
        record(new Event(System.nanoTime(), worker.id(), Kind.FAILED, "", 0, 0, what));
    }

    /** When the workers got the order to start. */
    long originNanos() {
        return originNanos;
    }

    History history() {
        return History.of(events);
    }

    List<Integer> offered() {
        return offered;
    }

    List<WorkerProcess> workers() {
        return workers;
    }

    /** Whether this was ended from outside, by Ctrl-C. */
    boolean isClosed() {
        return closed;
    }

    /** Ends all workers. */
    @Override
    public void close() {
        closed = true;
        WorkerProcess.destroyAll(workers);
    }
}
