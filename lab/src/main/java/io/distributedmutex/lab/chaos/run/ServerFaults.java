package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.Locale;
import java.util.function.Consumer;

/** What can be done to any one server. */
final class ServerFaults {

    private final Consumer<Event> listener;

    ServerFaults(Consumer<Event> listener) {
        this.listener = listener;
    }

    void inject(Step step, Details details, EmbeddedRedis redis) throws InterruptedException {
        switch (step.fault()) {
            case STOP_SERVER -> {
                redis.pause();
                try {
                    Thread.sleep(step.durationMillis());
                } finally {
                    redis.resume();
                }
            }
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

    /**
     * Loses a key, or all keys if it is empty. The report covers all the time of the action: the loss comes somewhere in it.
     */
    private void losing(String key, Runnable action) {
        long since = System.nanoTime();
        action.run();
        long now = System.nanoTime();
        listener.accept(new Event(now, 0, Kind.DATA_LOST, 0, key, 0, now - since, key.isEmpty() ? "FLUSHALL" : "DEL"));
    }
}
