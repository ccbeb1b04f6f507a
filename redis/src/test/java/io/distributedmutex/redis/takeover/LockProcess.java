package io.distributedmutex.redis.takeover;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.ChildProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.StatefulRedisConnection;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * The main class of a process that locks as it is told on standard input, and answers on standard output. Times are
 * {@link System#nanoTime()}, which processes of one Linux host share.
 */
final class LockProcess {

    /** Writes unless a greater fencing token has written before: the resource that is guarded. */
    private static final String FENCED_WRITE =
            "if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1])"
                    + " then return 0 end redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'value', ARGV[2]) return 1";

    private final DistributedMutex mutex;
    private final String uri;
    private final Map<String, Lease> held = new ConcurrentHashMap<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Queue<String> records = new ConcurrentLinkedQueue<>();
    private volatile boolean stopping;

    private LockProcess(DistributedMutex mutex, String uri) {
        this.mutex = mutex;
        this.uri = uri;
    }

    static ChildProcess start(String uri) {
        return startAll(uri, 1).get(0);
    }

    /** Starts so many at a time, and waits until they can be told what to do. */
    static List<ChildProcess> startAll(String uri, int number) {
        List<ChildProcess> processes = Stream.generate(() -> ChildProcess.start(LockProcess.class, uri))
                .limit(number)
                .toList();
        processes.forEach(process -> process.expect("ready"));
        return processes;
    }

    public static void main(String[] arguments) throws IOException {
        try (DistributedMutex mutex = RedisMutex.connect(arguments[0])) {
            LockProcess process = new LockProcess(mutex, arguments[0]);
            say("ready");
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                process.obey(line.split(" "));
            }
        }
    }

    private void obey(String[] words) {
        switch (words[0]) {
            case "acquire" -> acquire(words[1], Long.parseLong(words[2]));
            case "release" -> {
                Lease lease = held.remove(words[1]);
                boolean live = lease.isValid();
                say("released " + live + " " + lease.release() + " " + lease.state());
            }
            case "valid" -> say("valid " + held.get(words[1]).isValid());
            case "write" -> write(held.get(words[1]), words[2], words[3]);
            case "load" -> {
                for (int i = 0; i < Integer.parseInt(words[1]); i++) {
                    int first = i;
                    Thread thread = new Thread(() -> work(first, Integer.parseInt(words[2])));
                    thread.start();
                    threads.add(thread);
                }
                say("loading");
            }
            case "stop" -> stop();
            default -> throw new IllegalArgumentException(String.join(" ", words));
        }
    }

    private void acquire(String key, long leaseMillis) {
        mutex.with(options -> options.leaseTime(Duration.ofMillis(leaseMillis)).waitTime(Duration.ofSeconds(30)))
                .acquireAsync(key)
                .thenAccept(lease -> {
                    long now = System.nanoTime();
                    held.put(key, lease);
                    lease.onLost(lost -> say("lost " + System.nanoTime() + " "
                            + lost.lossReason().orElseThrow()));
                    say("granted " + now + " " + lease.fencingToken());
                });
    }

    /** As by a holder that was stopped after its last look at {@code isValid()}: only the resource can refuse it. */
    private void write(Lease lease, String resource, String value) {
        RedisClient client = RedisClient.create(uri);
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            Long written = connection
                    .sync()
                    .eval(
                            FENCED_WRITE,
                            ScriptOutputType.INTEGER,
                            new String[] {resource},
                            Long.toString(lease.fencingToken()),
                            value);
            say("written " + (written == 1));
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }

    private void work(int first, int keys) {
        int turn = first;
        while (!stopping) {
            String key = "key-" + turn++ % keys;
            try (Lease lease = mutex.acquire(key)) {
                long granted = System.nanoTime();
                LockSupport.parkNanos(1_000_000);
                // Until when it was believed in: to be compared with the next one's grant.
                long end = System.nanoTime();
                if (lease.isValid()) {
                    records.add("hold " + key + " " + lease.fencingToken() + " " + granted + " " + end);
                }
            } catch (LockException e) {
                records.add("error " + System.nanoTime() + " " + e.getClass().getSimpleName());
                LockSupport.parkNanos(5_000_000);
            }
        }
    }

    private void stop() {
        stopping = true;
        boolean interrupted = false;
        for (Thread thread : threads) {
            try {
                thread.join(20_000);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        records.forEach(LockProcess::say);
        say("stopped " + threads.stream().filter(Thread::isAlive).count() + " " + interrupted);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
