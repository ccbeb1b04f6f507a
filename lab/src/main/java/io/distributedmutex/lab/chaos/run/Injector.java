package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.lab.process.WorkerProcess;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Does what the plan says. Each fault is reported when it begins and when it is over, and is undone by then. */
final class Injector {

    /** How long a kill waits for its victim to hold something. */
    private static final long HOLDING_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private static final int MOST_BYTES = 400;
    private static final int MOST_DELAY_MILLIS = 700;

    private final EmbeddedRedis redis;
    private final List<FaultyProxy> proxies;
    private final Crew crew;
    private final List<String> keys;
    private final Consumer<Event> listener;

    Injector(EmbeddedRedis redis, List<FaultyProxy> proxies, Crew crew, List<String> keys, Consumer<Event> listener) {
        this.redis = redis;
        this.proxies = proxies;
        this.crew = crew;
        this.keys = keys;
        this.listener = listener;
    }

    /** Does one, from its beginning to its end. */
    void inject(int number, Step step) throws IOException, InterruptedException {
        Random random = new Random(step.seed());
        Details details = Details.of(step, random, keys);
        int worker = step.slot() == 0 ? 0 : crew.at(step.slot()).id();
        tell(Kind.FAULT, number, worker, step, TimeUnit.MILLISECONDS.toNanos(step.durationMillis()), details.text());
        try {
            switch (step.fault().domain()) {
                case WORKER -> toWorker(step, details);
                case SERVER -> toServer(step, details);
                case NETWORK -> toNetwork(step, details);
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

    private void toServer(Step step, Details details) throws InterruptedException {
        switch (step.fault()) {
            case STOP_SERVER -> {
                redis.pause();
                try {
                    Thread.sleep(step.durationMillis());
                } finally {
                    redis.resume();
                }
            }
            case RESTART_WITH_DATA, RESTART_WITHOUT_DATA -> restart(step);
            case OUT_OF_MEMORY -> {
                redis.command("CONFIG", "SET", "maxmemory", "1");
                try {
                    Thread.sleep(step.durationMillis());
                } finally {
                    redis.command("CONFIG", "SET", "maxmemory", "0");
                }
            }
            case KILL_PUSH -> redis.command("CLIENT", "KILL", "TYPE", "pubsub");
            case KILL_NORMAL -> redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
            case DEBUG_SLEEP ->
                redis.command("DEBUG", "SLEEP", String.format(Locale.ROOT, "%.3f", step.durationMillis() / 1e3));
            case SCRIPT_FLUSH -> redis.command("SCRIPT", "FLUSH");
            case DELETE_KEY -> losing(details.key(), () -> redis.command("DEL", "lock:" + details.key()));
            case FLUSH_ALL -> losing("", () -> redis.command("FLUSHALL"));
            default -> throw new IllegalArgumentException(step.fault().name());
        }
    }

    private void restart(Step step) throws InterruptedException {
        listener.accept(Event.of(Kind.SERVER_DOWN, 0, "", 0, ""));
        boolean empty = step.fault() == Fault.RESTART_WITHOUT_DATA;
        long since = System.nanoTime();
        redis.kill();
        Thread.sleep(step.durationMillis());
        if (empty) {
            redis.restartEmpty();
            long now = System.nanoTime();
            listener.accept(new Event(now, 0, Kind.DATA_LOST, 0, "", 0, now - since, "restart without data"));
        } else {
            redis.restart();
        }
        listener.accept(Event.of(Kind.SERVER_UP, 0, "", 0, ""));
    }

    /**
     * Loses a key, or all keys if it is empty. The report covers all the time of the action: the loss comes somewhere in it.
     */
    private void losing(String key, Runnable action) {
        long since = System.nanoTime();
        action.run();
        long now = System.nanoTime();
        listener.accept(new Event(now, 0, Kind.DATA_LOST, 0, key, 0, now - since, key.isEmpty() ? "FLUSHALL" : "DEL"));
    }

    private void toNetwork(Step step, Details details) throws InterruptedException {
        List<FaultyProxy> met = step.slot() == 0 ? proxies : List.of(proxies.get(step.slot() - 1));
        for (FaultyProxy proxy : met) {
            switch (step.fault()) {
                case CUT -> proxy.cut();
                case CUT_AT_BYTE -> proxy.cutAfter(details.directions().get(0), details.bytes());
                case REFUSE -> {
                    proxy.refuse(true);
                    proxy.cut();
                }
                case DELAY -> details.directions().forEach(way -> proxy.delay(way, details.delay()));
                case BLACK_HOLE -> details.directions().forEach(proxy::hold);
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

    /** What the seed decides of a fault beyond its kind and time. */
    private record Details(
            List<Direction> directions, long bytes, Duration delay, String key, boolean holding, String text) {

        static Details of(Step step, Random random, List<String> keys) {
            List<Direction> directions = switch (random.nextInt(3)) {
                case 0 -> List.of(Direction.TO_SERVER);
                case 1 -> List.of(Direction.TO_CLIENT);
                default -> List.of(Direction.TO_SERVER, Direction.TO_CLIENT);
            };
            long bytes = 1L + random.nextInt(MOST_BYTES);
            Duration delay = Duration.ofMillis(20 + random.nextInt(MOST_DELAY_MILLIS - 20));
            String key = keys.get(random.nextInt(keys.size()));
            boolean holding = random.nextInt(3) > 0;
            String way = directions.size() == 2
                    ? "both ways"
                    : directions.get(0) == Direction.TO_SERVER ? "to the server" : "to the client";
            String firstWay = directions.get(0) == Direction.TO_SERVER ? "to the server" : "to the client";
            String more = switch (step.fault()) {
                case KILL_WORKER -> holding ? " while it holds a key" : "";
                case DELETE_KEY -> ": " + key;
                case CUT_AT_BYTE -> " " + bytes + " " + firstWay;
                case DELAY -> ", " + delay.toMillis() + " ms " + way;
                case BLACK_HOLE -> ", " + way;
                default -> "";
            };
            String last = step.durationMillis() == 0 ? "" : ", " + step.durationMillis() + " ms";
            return new Details(directions, bytes, delay, key, holding, step.fault() + more + last);
        }
    }
}
