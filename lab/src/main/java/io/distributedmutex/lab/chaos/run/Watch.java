package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Looks which servers are promoted, whoever or whatever has caused that, and tells of each failover when it may have begun, and
 * when all who decide agreed on it. It asks the servers themselves, by no proxy.
 */
final class Watch implements AutoCloseable {

    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
    private static final long AGREED_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** What it watches. */
    interface Watched {

        /** The keys that a server has been given; empty if all. */
        List<String> keysOf(EmbeddedRedis promoted);

        /** Whether the old server handed over in good order, so that nothing can be lost. */
        boolean losesNothing(EmbeddedRedis promoted);

        /** Whether all who name servers name this one. */
        boolean isAgreed(EmbeddedRedis promoted);
    }

    private final Watched watched;
    private final Consumer<Event> listener;
    private final AtomicLong failovers = new AtomicLong();
    private volatile boolean closed;

    Watch(List<EmbeddedRedis> servers, Watched watched, Consumer<Event> listener) {
        this.watched = watched;
        this.listener = listener;
        for (EmbeddedRedis server : servers) {
            Thread thread = new Thread(() -> watch(server), "chaos-watch-" + server.port());
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void watch(EmbeddedRedis server) {
        boolean replica = false;
        long since = System.nanoTime();
        while (!closed) {
            LockSupport.parkNanos(TICK_NANOS);
            long now = System.nanoTime();
            Optional<Boolean> primary = Replies.answers(server) ? askWhetherPrimary(server) : Optional.empty();
            if (primary.isPresent()) {
                if (primary.get() && replica) {
                    tell(server, since);
                }
                replica = !primary.get();
                since = now;
            }
        }
    }

    /** Empty if it does not answer; it may have been killed just now. */
    private static Optional<Boolean> askWhetherPrimary(EmbeddedRedis server) {
        try {
            return Optional.of(isPrimary(server));
        } catch (EmbeddedRedisException gone) {
            return Optional.empty();
        }
    }

    private static boolean isPrimary(EmbeddedRedis server) {
        return "master".equals(Replies.texts(server.command("ROLE")).get(0));
    }

    private void tell(EmbeddedRedis promoted, long since) {
        long number = failovers.incrementAndGet();
        boolean losesNothing = watched.losesNothing(promoted);
        String keys = String.join(" ", watched.keysOf(promoted));
        String text = "port " + promoted.port() + " took over" + (losesNothing ? ", handed over in good order" : "");
        long now = System.nanoTime();
        listener.accept(new Event(now, 0, Kind.FAILOVER, number, keys, losesNothing ? 1 : 0, now - since, text));
        long deadline = now + AGREED_NANOS;
        while (!closed && !isOver(promoted) && System.nanoTime() < deadline) {
            LockSupport.parkNanos(TICK_NANOS);
        }
        listener.accept(new Event(System.nanoTime(), 0, Kind.FAILOVER_OVER, number, keys, 0, 0, text));
    }

    /** Also if it has been replaced meanwhile. */
    private boolean isOver(EmbeddedRedis promoted) {
        try {
            return !Replies.answers(promoted) || !isPrimary(promoted) || watched.isAgreed(promoted);
        } catch (EmbeddedRedisException gone) {
            return false;
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
