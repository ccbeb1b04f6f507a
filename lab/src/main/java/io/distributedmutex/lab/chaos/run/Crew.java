package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.worker.WorkerCommand;
import io.distributedmutex.lab.process.WorkerProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * The worker processes of a chaos run. Each has a place with a way of its own to Redis. A worker that is killed is
 * replaced in its place by one with a new number.
 */
final class Crew implements AutoCloseable {

    private static final long END_MILLIS = 30_000;
    private static final long START_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    private final Settings settings;
    private final Path directory;
    private final int registerPort;
    private final IntFunction<String> uris;
    private final Consumer<Event> listener;
    private final List<WorkerProcess> workers = new CopyOnWriteArrayList<>();
    private final Map<Integer, WorkerProcess> places = new ConcurrentHashMap<>();
    private final Set<Integer> ready = ConcurrentHashMap.newKeySet();
    /** The leases that each worker holds, as far as it has reported. */
    private final Map<Integer, Set<Long>> holding = new ConcurrentHashMap<>();

    private volatile boolean closed;

    /**
     * Makes a crew of nobody yet.
     *
     * @param uris where the worker at a place, from 1, finds Redis
     */
    Crew(Settings settings, Path directory, int registerPort, IntFunction<String> uris, Consumer<Event> listener) {
        this.settings = settings;
        this.directory = directory;
        this.registerPort = registerPort;
        this.uris = uris;
        this.listener = listener;
    }

    /** Starts all workers and waits until they work. */
    void start() throws IOException {
        for (int place = 1; place <= settings.workers(); place++) {
            fill(place);
        }
        long deadline = System.nanoTime() + START_NANOS;
        while (!closed && ready.size() < settings.workers()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(
                        "the workers were not ready within 60 s; see worker-*.log in " + directory);
            }
            LockSupport.parkNanos(TICK_NANOS);
        }
    }

    private synchronized void fill(int place) throws IOException {
        if (closed) {
            return;
        }
        int id = workers.size() + 1;
        holding.put(id, ConcurrentHashMap.newKeySet());
        WorkerProcess worker = WorkerProcess.start(
                id,
                WorkerCommand.class,
                WorkerCommand.arguments(id, settings, registerPort),
                uris.apply(place),
                directory.resolve("worker-" + id + ".log"),
                line -> hear(id, line));
        workers.add(worker);
        places.put(place, worker);
    }

    private void hear(int id, String line) {
        Event event = Event.parse(id, line);
        if (event == null) {
            return;
        }
        listener.accept(event);
        Set<Long> held = holding.getOrDefault(id, new HashSet<>());
        switch (event.kind()) {
            case READY -> ready.add(id);
            case ENTER -> held.add(event.token());
            case RELEASING, LOST -> held.remove(event.token());
            default -> {
                // Nothing that matters here.
            }
        }
    }

    List<WorkerProcess> workers() {
        return workers;
    }

    WorkerProcess at(int place) {
        WorkerProcess worker = places.get(place);
        if (worker == null) {
            throw new IllegalArgumentException("nobody at " + place);
        }
        return worker;
    }

    /** Waits, up to a bound, until the worker at a place holds something. */
    void awaitHolding(int place, long nanos) {
        Set<Long> held = holding.getOrDefault(at(place).id(), Set.of());
        long deadline = System.nanoTime() + nanos;
        while (held.isEmpty() && System.nanoTime() < deadline) {
            LockSupport.parkNanos(TICK_NANOS / 10);
        }
    }

    /** Kills the worker at a place and puts another there. */
    void replace(int place) throws IOException {
        WorkerProcess worker = at(place);
        listener.accept(Event.of(Kind.KILLED, worker.id(), "", worker.pid(), ""));
        worker.kill();
        fill(place);
    }

    /** Stops the worker at a place, and returns its number. */
    WorkerProcess suspend(int place) throws IOException, InterruptedException {
        WorkerProcess worker = at(place);
        listener.accept(Event.of(Kind.STOPPED, worker.id(), "", 0, ""));
        worker.signal("STOP");
        return worker;
    }

    void resume(WorkerProcess worker) throws IOException, InterruptedException {
        worker.signal("CONT");
        listener.accept(Event.of(Kind.CONTINUED, worker.id(), "", 0, ""));
    }

    /** Tells all to end, and waits for it. */
    void end() throws InterruptedException {
        listener.accept(Event.of(Kind.STOPPING, 0, "", 0, ""));
        workers.forEach(worker -> worker.tell("stop"));
        for (WorkerProcess worker : workers) {
            boolean ended = worker.awaitEnd(END_MILLIS);
            if (!ended) {
                worker.destroy();
                worker.awaitEnd(WorkerProcess.DESTROY_MILLIS);
            }
            if (!worker.wasKilled()) {
                listener.accept(Event.of(Kind.ENDED, worker.id(), "", ended ? worker.exitCode() : -1, ""));
            }
        }
    }

    /** Ends all workers at once. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        WorkerProcess.destroyAll(workers);
    }
}
