package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Fault.Domain;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.lab.chaos.run.Deployment.Aim;
import io.distributedmutex.lab.process.WorkerProcess;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import java.io.IOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Does what the plan says. Each fault is reported when it begins and when it is over, and is undone by then. One that hits the
 * same as an earlier one waits for its end, since nobody can plan how long a failover takes.
 */
final class Injector {

    /** How long a kill waits for its victim to hold something. */
    private static final long HOLDING_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private final Deployment redis;
    private final int places;
    private final Crew crew;
    private final List<String> keys;
    private final long latestNanos;
    private final Consumer<Event> listener;
    private final Map<Domain, ReentrantLock> hit = new EnumMap<>(Domain.class);

    /**
     * Makes an injector.
     *
     * @param redis what is hit
     * @param places how many workers there are at a time
     * @param crew the workers
     * @param keys the keys
     * @param latestNanos when no fault may begin any more
     * @param listener hears of each fault
     */
    Injector(Deployment redis, int places, Crew crew, List<String> keys, long latestNanos, Consumer<Event> listener) {
        this.redis = redis;
        this.places = places;
        this.crew = crew;
        this.keys = keys;
        this.latestNanos = latestNanos;
        this.listener = listener;
        for (Domain domain : Domain.values()) {
            hit.put(domain, new ReentrantLock());
        }
    }

    /** Does one, from its beginning to its end; or nothing if its turn comes too late. */
    void inject(int number, Step step) throws IOException, InterruptedException {
        Fault fault = step.fault();
        Details details = Details.of(step, keys);
        holding(fault.domain(), () -> {
            Aim aim = redis.aim(step, details);
            if (fault.meetsNetwork()) {
                holding(Domain.NETWORK, () -> inject(number, step, details, aim));
            } else {
                inject(number, step, details, aim);
            }
        });
    }

    /** What may fail. */
    private interface Action {
        void run() throws IOException, InterruptedException;
    }

    private void holding(Domain domain, Action action) throws IOException, InterruptedException {
        ReentrantLock lock = hit.get(domain);
        if (lock == null) {
            throw new IllegalArgumentException(domain.name());
        }
        lock.lockInterruptibly();
        try {
            action.run();
        } finally {
            lock.unlock();
        }
    }

    private void inject(int number, Step step, Details details, Aim aim) throws IOException, InterruptedException {
        if (System.nanoTime() > latestNanos) {
            return;
        }
        int worker = step.slot() == 0 ? 0 : crew.at(step.slot()).id();
        tell(Kind.FAULT, number, worker, step, TimeUnit.MILLISECONDS.toNanos(step.durationMillis()), details.text());
        if (!aim.keys().isEmpty()) {
            tell(Kind.CONCERNS, number, worker, step, 0, String.join(" ", aim.keys()));
        }
        try {
            switch (step.fault().domain()) {
                case WORKER -> toWorker(step, details);
                case SERVER, SENTINEL -> redis.inject(step, details, aim);
                case NETWORK -> toNetwork(step, details, aim);
            }
        } finally {
            tell(Kind.FAULT_OVER, number, worker, step, 0, details.text());
        }
    }

    private void tell(Kind kind, int number, int worker, Step step, long value, String text) {
        listener.accept(
                new Event(System.nanoTime(), worker, kind, number, step.fault().name(), 0, value, text));
    }

    private void toWorker(Step step, Details details) throws IOException, InterruptedException {
        if (details.holding()) {
            crew.awaitHolding(step.slot(), HOLDING_NANOS);
        }
        if (step.fault() == Fault.KILL_WORKER) {
            crew.replace(step.slot());
        } else {
            WorkerProcess stopped = crew.suspend(step.slot());
            try {
                Thread.sleep(step.durationMillis());
            } finally {
                crew.resume(stopped);
            }
        }
    }

    private void toNetwork(Step step, Details details, Aim aim) throws InterruptedException {
        List<FaultyProxy> met = IntStream.rangeClosed(1, places)
                .filter(place -> step.slot() == 0 || step.slot() == place)
                .boxed()
                .flatMap(place -> redis.network(place, step.fault(), aim).stream())
                .toList();
        for (FaultyProxy proxy : met) {
            switch (step.fault()) {
                case CUT -> proxy.cut();
                case CUT_AT_BYTE -> proxy.cutAfter(details.directions().get(0), details.bytes());
                case REFUSE -> {
                    proxy.refuse(true);
                    proxy.cut();
                }
                case DELAY -> details.directions().forEach(way -> proxy.delay(way, details.delay()));
                case BLACK_HOLE, HIDE_PRIMARY, HIDE_SENTINELS ->
                    details.directions().forEach(proxy::hold);
                case SWALLOW -> proxy.swallow();
                default -> throw new IllegalArgumentException(step.fault().name());
            }
        }
        if (step.durationMillis() > 0) {
            try {
                Thread.sleep(step.durationMillis());
            } finally {
                met.forEach(FaultyProxy::heal);
            }
        }
    }
}
