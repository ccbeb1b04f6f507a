package io.distributedmutex.lab.chaos.worker;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The work of one process of a chaos run. Its threads ask for keys in every way that the library has, and hold them for a short
 * time or for too long. Meanwhile they count up the register's number of that key, which they read and write in two steps.
 * Whatever Redis does, they go on. Each exception of the library is an outcome, which they report.
 */
public final class Worker {

    public static final int THREADS = 3;
    /** The longest lease that is ever asked for. */
    public static final Duration LONGEST_LEASE = Duration.ofSeconds(2);

    private static final Duration[] LEASES = {Duration.ofSeconds(1), Duration.ofMillis(1_500), LONGEST_LEASE};
    private static final Duration SHORT_LEASE = Duration.ofMillis(500);
    /** How long the threads may take to end before the instance is closed under them. */
    private static final long GRACE_MILLIS = 300;

    private static final long END_SECONDS = 20;
    /** How many keys there are to wait for in circles. */
    private static final int CIRCLE_KEYS = 3;
    /** For longer than it may take until a circle is found. */
    private static final Duration CIRCLE_WAIT = Duration.ofSeconds(15);
    /** A saboteur misbehaves once in so many calls. */
    private static final int SABOTAGE_EACH = 20;

    private final int id;
    private final DistributedMutex mutex;
    private final List<String> keys;
    private final int registerPort;
    private final boolean deadlocks;
    private final Sabotage sabotage;
    private final Telling telling;
    private final Duration commandTimeout;
    private final Random seeds;
    private final AtomicLong calls = new AtomicLong();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final CountDownLatch ended;
    private volatile boolean stopping;

    /**
     * Makes a worker that does nothing yet.
     *
     * @param id its number
     * @param seed decides what it does
     * @param mutex the locks
     * @param keys how many keys there are
     * @param registerPort where the register is
     * @param deadlocks whether one more thread takes two keys at a time
     * @param sabotage what it does wrong on purpose
     * @param commandTimeout how long one request may take
     * @param telling hears what it does
     */
    Worker(
            int id,
            long seed,
            DistributedMutex mutex,
            int keys,
            int registerPort,
            boolean deadlocks,
            Sabotage sabotage,
            Duration commandTimeout,
            Telling telling) {
        this.id = id;
        this.mutex = mutex;
        this.keys = keys(keys);
        this.registerPort = registerPort;
        this.deadlocks = deadlocks;
        this.ended = new CountDownLatch(deadlocks ? THREADS + 1 : THREADS);
        this.sabotage = sabotage;
        this.commandTimeout = commandTimeout;
        this.telling = telling;
        this.seeds = new Random(seed);
    }

    /** The names of the keys. The first is for quick work alone. */
    public static List<String> keys(int count) {
        return IntStream.range(0, count)
                .mapToObj(number -> number == 0 ? "quick" : "key-" + number)
                .toList();
    }

    /** The names of the keys that are waited for in circles. */
    public static List<String> circleKeys() {
        return IntStream.range(0, CIRCLE_KEYS).mapToObj(Worker::circleKey).toList();
    }

    private static String circleKey(int number) {
        return "circle-" + number;
    }

    void start() {
        for (int thread = 0; thread < THREADS; thread++) {
            Random random = new Random(seeds.nextLong());
            new Thread(() -> work(random), "client-" + thread).start();
        }
        if (deadlocks) {
            Random random = new Random(seeds.nextLong());
            new Thread(() -> waitInCircles(random), "circle").start();
        }
    }

    /** Ends the threads, and the instance with all that still wait. */
    void stop() throws InterruptedException {
        stopping = true;
        boolean done = ended.await(GRACE_MILLIS, TimeUnit.MILLISECONDS);
        telling.tell(Kind.CLOSING, 0, "", 0, 0, done ? "" : "while threads are at work");
        mutex.close();
        if (!ended.await(END_SECONDS, TimeUnit.SECONDS)) {
            fail("its threads have not ended within " + END_SECONDS + " s");
        }
        timer.shutdownNow();
    }

    private void work(Random random) {
        try (RegisterClient register = new RegisterClient(registerPort, id)) {
            boolean deaf = sabotage == Sabotage.DEAF || sabotage == Sabotage.OVERSTAY;
            Client client = new Client(telling, calls, timer, commandTimeout, deaf);
            Turn turn = new Turn(random, register, client);
            while (!stopping) {
                turn.take();
                Thread.sleep(random.nextInt(20));
            }
        } catch (IOException | InterruptedException | RuntimeException e) {
            fail(e.toString());
        } finally {
            ended.countDown();
        }
    }

    /** Takes two keys, in any order, and holds the one while it waits for the other. So do those of other workers. */
    private void waitInCircles(Random random) {
        try {
            Client client = new Client(telling, calls, timer, commandTimeout, false);
            DistributedMutex view = mutex.with(
                    o -> o.leaseTime(LONGEST_LEASE).waitTime(CIRCLE_WAIT).autoRenew(Duration.ofMinutes(2)));
            while (!stopping) {
                int first = random.nextInt(CIRCLE_KEYS);
                int second = (first + 1 + random.nextInt(CIRCLE_KEYS - 1)) % CIRCLE_KEYS;
                Lease one = client.acquireInCircle(view, circleKey(first));
                Thread.sleep(random.nextInt(200));
                Lease two = one == null ? null : client.acquireInCircle(view, circleKey(second));
                Thread.sleep(random.nextInt(20));
                if (two != null) {
                    client.release(view, two, random.nextBoolean());
                }
                if (one != null) {
                    client.release(view, one, random.nextBoolean());
                }
            }
        } catch (InterruptedException | RuntimeException e) {
            fail(e.toString());
        } finally {
            ended.countDown();
        }
    }

    private void fail(String what) {
        telling.tell(Kind.FAILED, 0, "", 0, 0, what);
    }

    /** What a thread does next. */
    private final class Turn {

        private final Random random;
        private final RegisterClient register;
        private final Client client;

        Turn(Random random, RegisterClient register, Client client) {
            this.random = random;
            this.register = register;
            this.client = client;
        }

        void take() throws IOException, InterruptedException {
            int dice = random.nextInt(1_000);
            String any = keys.get(random.nextBoolean() ? 0 : random.nextInt(keys.size()));
            String slow = keys.get(keys.size() == 1 ? 0 : 1 + random.nextInt(keys.size() - 1));
            DistributedMutex view = view(LEASES[random.nextInt(LEASES.length)], between(500, 3_000));
            if (sabotage != Sabotage.NONE && sabotage != Sabotage.BLIND && dice % SABOTAGE_EACH == 0) {
                sabotage(any, slow);
            } else if (dice < 400) {
                work(view, client.acquire(view, any), between(1, 12));
            } else if (dice < 560) {
                work(view, client.acquireAsync(view, any), between(1, 12));
            } else if (dice < 700) {
                work(view, client.tryAcquire(view, any), between(1, 12));
            } else if (dice < 770) {
                DistributedMutex impatient = view(SHORT_LEASE, between(10, 150));
                work(impatient, client.acquire(impatient, any), between(1, 12));
            } else if (dice < 830) {
                work(view, client.acquireInterrupted(view, any, between(0, 100)), between(1, 12));
            } else if (dice < 890) {
                work(view, client.acquireAsyncCancelled(view, any, between(0, 100)), between(1, 12));
            } else if (dice < 950) {
                DistributedMutex once = mutex.with(o -> o.minimumHold(Duration.ofMillis(60)));
                work(once, client.acquire(once, slow), between(1, 12));
            } else if (dice < 970) {
                work(view, client.acquire(view, slow), between(50, 300));
            } else if (dice < 983) {
                extend(slow);
            } else if (dice < 992) {
                DistributedMutex renewing = mutex.with(o -> o.leaseTime(Duration.ofMillis(600))
                        .waitTime(Duration.ofSeconds(3))
                        .autoRenew(Duration.ofSeconds(4)));
                work(renewing, client.acquireRenewed(renewing, slow), between(700, 1_500));
            } else {
                beLate(slow);
            }
        }

        private DistributedMutex view(Duration leaseTime, int waitMillis) {
            return mutex.with(o -> o.leaseTime(leaseTime).waitTime(Duration.ofMillis(waitMillis)));
        }

        private int between(int least, int most) {
            return least + random.nextInt(most - least + 1);
        }

        /** Counts up for a time, and gives the lease back. Half of the time it looks whether it is still valid. */
        private void work(DistributedMutex view, @Nullable Lease lease, int millis)
                throws IOException, InterruptedException {
            if (lease == null) {
                return;
            }
            boolean careful = random.nextBoolean();
            countUp(lease, millis, careful);
            boolean waiting = random.nextBoolean();
            client.release(view, lease, waiting);
            if (random.nextInt(8) == 0 && lease.release()) {
                fail("a second release of " + lease + " said that it was held");
            }
        }

        private void countUp(Lease lease, int millis, boolean careful) throws IOException, InterruptedException {
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
            do {
                RegisterClient.Answer read = register.read(lease.key(), lease.fencingToken());
                telling.tell(read.accepted() ? Kind.READ : Kind.REFUSED, 0, lease, read.value(), "read");
                long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                Thread.sleep(Math.max(1, Math.min(left, between(1, 20))));
                if (!read.accepted() || (careful && !lease.isValid())) {
                    break;
                }
                long next = read.value() + 1;
                RegisterClient.Answer write = register.write(lease.key(), lease.fencingToken(), next);
                telling.tell(write.accepted() ? Kind.WRITE : Kind.REFUSED, 0, lease, write.value(), "write");
            } while (System.nanoTime() < end);
        }

        private void extend(String key) throws IOException, InterruptedException {
            DistributedMutex view = view(SHORT_LEASE, 2_000);
            Lease lease = client.acquire(view, key);
            if (lease == null) {
                return;
            }
            countUp(lease, between(10, 200), true);
            client.extend(view, lease, Duration.ofMillis(between(700, 1_500)));
            countUp(lease, between(10, 300), true);
            if (random.nextBoolean()) {
                // Mostly to less time than is left, which changes nothing in the store.
                client.extend(view, lease, Duration.ofMillis(between(60, 400)));
            }
            countUp(lease, between(10, 100), true);
            client.release(view, lease, random.nextBoolean());
        }

        /** Holds a lease for longer than it lasts, writes all the same, and releases it twice though it is lost. */
        private void beLate(String key) throws IOException, InterruptedException {
            DistributedMutex view = view(SHORT_LEASE, 2_000);
            Lease lease = client.acquire(view, key);
            if (lease == null) {
                return;
            }
            countUp(lease, between(600, 1_000), false);
            client.release(view, lease, true);
            if (lease.release()) {
                fail("a late second release of " + lease + " said that it was held");
            }
        }

        private void sabotage(String any, String slow) throws IOException, InterruptedException {
            switch (sabotage) {
                case STEAL -> steal(any);
                case OVERSTAY -> overstay(slow);
                default -> beLate(slow);
            }
        }

        private void steal(String key) {
            try {
                mutex.forceRelease(key);
            } catch (LockException e) {
                // Redis is away: nothing is stolen this time.
                return;
            }
        }

        private void overstay(String key) throws IOException, InterruptedException {
            DistributedMutex view = view(SHORT_LEASE, 2_000);
            Lease lease = client.acquire(view, key);
            if (lease == null) {
                return;
            }
            telling.forget(lease);
            telling.tell(Kind.DEADLINE, 0, lease, TimeUnit.SECONDS.toNanos(2), "2000");
            countUp(lease, 1_500, false);
            client.release(view, lease, true);
        }
    }
}
