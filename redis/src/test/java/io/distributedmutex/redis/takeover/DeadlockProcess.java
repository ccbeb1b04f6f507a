package io.distributedmutex.redis.takeover;

import io.distributedmutex.Deadlock;
import io.distributedmutex.DeadlockException;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.MutexListener;
import io.distributedmutex.OnDeadlock;
import io.distributedmutex.redis.RedisMutex;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.Lock;

/** The main class of a process whose threads take keys as they are told, each in one of the ways that there are. */
final class DeadlockProcess {

    private static final Duration WAIT = Duration.ofSeconds(30);

    private final DistributedMutex mutex;
    private final MutexAdapter adapter;
    private final Map<String, ExecutorService> threads = new ConcurrentHashMap<>();

    private DeadlockProcess(DistributedMutex mutex) {
        this.mutex = mutex;
        this.adapter = new MutexAdapter(mutex).notReentrant();
    }

    public static void main(String[] arguments) throws IOException {
        MutexListener listener = new MutexListener() {
            @Override
            public void onDeadlock(Deadlock circle) {
                say("circle " + System.nanoTime() + " " + circle.keys().size() + " "
                        + circle.waits().get(0).owner() + " " + String.join(",", circle.keys()));
            }
        };
        try (DistributedMutex mutex = RedisMutex.builder()
                .uri(arguments[0])
                .deadlocks(OnDeadlock.valueOf(arguments[1]))
                .listener(listener)
                .connect()
                .with(options -> options.waitTime(WAIT))) {
            DeadlockProcess process = new DeadlockProcess(mutex);
            say("ready");
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                String[] words = line.split(" ");
                process.threads
                        .computeIfAbsent(
                                words[1],
                                name -> Executors.newSingleThreadExecutor(body -> {
                                    Thread thread = new Thread(body, name);
                                    thread.setDaemon(true);
                                    return thread;
                                }))
                        .execute(() -> process.take(words[0], words[1], words[2], words[3]));
            }
        }
    }

    /** Takes two keys, one after the other, the second when it is told to, and gives both back. */
    private void take(String way, String thread, String first, String second) {
        try {
            switch (way) {
                case "leases" -> {
                    try (Lease one = mutex.acquire(first)) {
                        awaitTurn(thread);
                        try (Lease two = mutex.acquire(second)) {
                            say("both " + thread + " " + (one.isValid() && two.isValid()));
                        }
                    }
                }
                case "locks" -> {
                    Lock one = mutex.asLock(first);
                    Lock two = mutex.asLock(second);
                    one.lock();
                    try {
                        awaitTurn(thread);
                        two.lock();
                        say("both " + thread + " true");
                        two.unlock();
                    } finally {
                        one.unlock();
                    }
                }
                case "futures" -> {
                    DistributedMutex work = mutex.owner(thread);
                    try (Lease one = work.acquireAsync(first).join()) {
                        awaitTurn(thread);
                        try (Lease two = work.acquireAsync(second).join()) {
                            say("both " + thread + " " + (one.isValid() && two.isValid()));
                        }
                    } catch (CompletionException e) {
                        throw (LockException) e.getCause();
                    }
                }
                case "adapter" -> {
                    if (adapter.acquire(first)) {
                        awaitTurn(thread);
                        boolean both = adapter.acquire(second);
                        say((both ? "both " : "failed ") + thread + " " + both);
                        if (both) {
                            adapter.release(second);
                        }
                        adapter.release(first);
                    }
                }
                default -> throw new IllegalArgumentException(way);
            }
        } catch (DeadlockException e) {
            say("deadlock " + thread + " " + e.circle().keys().size());
        } catch (LockException e) {
            say("failed " + thread + " " + e.getClass().getSimpleName());
        }
    }

    /** All have their first key when everyone has said so; a key that the test holds says when. */
    private void awaitTurn(String thread) {
        say("one " + thread);
        mutex.acquireAsync("turn-" + thread).join().close();
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
