package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.MutexAdapter;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of docs/guarantees.md that says how long each call can take, row by row, when Redis is away. */
@WithRedis
@LeavesNothing(
        warnings = {
            "has been silent",
            "AT RISK",
            "OUTAGE",
            "LOST .* \\((EXPIRED|CLOSED)",
            "was not confirmed",
            "DEADLOCK",
            "timed out: ",
            "acquire failed: ",
            "release of 'adapted' failed"
        })
@Tag("deep")
class BlockingBoundsTest {

    private static final Duration COMMAND_TIMEOUT = Duration.ofMillis(400);
    private static final Duration WAIT_TIME = Duration.ofMillis(700);
    private static final Duration RETRY_INTERVAL = Duration.ofMillis(100);

    /** What a busy machine may add. Without its bound a call takes a minute, the lease time. */
    private static final Duration SLACK = Duration.ofSeconds(2);

    private static final String KEY = "wanted";

    /** What a call may be made on, made while Redis was well. */
    private record Given(
            DistributedMutex mutex,
            Lease held,
            Lease heldForOneAttempt,
            MutexAdapter adapter,
            Lock locked,
            Lock free) {}

    private interface Action {
        void run(Given given) throws Exception;
    }

    /** How long a call takes at most, and how the table says it. */
    private enum Bound {
        NOTHING("0", Duration.ZERO),
        ONE_ANSWER("command time-out", COMMAND_TIMEOUT),
        WAIT("wait time", WAIT_TIME),
        WAIT_AND_ANSWER("wait time + command time-out", WAIT_TIME.plus(COMMAND_TIMEOUT)),
        OUTAGE(
                "wait time + retry interval + 2 command time-outs",
                WAIT_TIME.plus(RETRY_INTERVAL).plus(COMMAND_TIMEOUT.multipliedBy(2))),
        QUESTION("2 command time-outs + 1 s", COMMAND_TIMEOUT.multipliedBy(2).plusSeconds(1)),
        CLOSING("3.5 s", Duration.ofMillis(3_500)),
        PATIENCE_AND_CLOSING("patience + 3.5 s", WAIT_TIME.plusMillis(3_500));

        private final String text;
        private final Duration time;

        Bound(String text, Duration time) {
            this.text = text;
            this.time = time;
        }
    }

    /** The calls of the table. */
    private enum Call {
        ACQUIRE("acquire(key)", Bound.WAIT, true, given -> given.mutex.acquire(KEY)),
        RUN("run", Bound.WAIT, true, given -> given.mutex.run(KEY, lease -> {})),
        CALL("call", Bound.WAIT, true, given -> given.mutex.call(KEY, lease -> 1)),
        ACQUIRE_FOR("acquire(key, time)", Bound.WAIT, true, given -> given.mutex.acquire(KEY, WAIT_TIME)),
        TRY_ACQUIRE_FOR("tryAcquire(key, time)", Bound.WAIT, true, given -> given.mutex.tryAcquire(KEY, WAIT_TIME)),
        ACQUIRE_ONCE("acquire(key, 0)", Bound.ONE_ANSWER, true, given -> given.mutex.acquire(KEY, Duration.ZERO)),
        TRY_ACQUIRE("tryAcquire(key)", Bound.ONE_ANSWER, false, given -> given.mutex.tryAcquire(KEY)),
        ACQUIRE_ASYNC("acquireAsync", Bound.NOTHING, false, given -> given.mutex.acquireAsync(KEY)),
        LOCK("Lock.lock", Bound.OUTAGE, false, given -> given.free.lock()),
        LOCK_INTERRUPTIBLY("Lock.lockInterruptibly", Bound.OUTAGE, true, given -> given.free.lockInterruptibly()),
        TRY_LOCK("Lock.tryLock()", Bound.ONE_ANSWER, false, given -> given.free.tryLock()),
        TRY_LOCK_FOR(
                "Lock.tryLock(time)",
                Bound.WAIT,
                true,
                given -> given.free.tryLock(WAIT_TIME.toMillis(), TimeUnit.MILLISECONDS)),
        UNLOCK("Lock.unlock", Bound.NOTHING, false, given -> given.locked.unlock()),
        CLOSE_LEASE("Lease.close", Bound.NOTHING, false, given -> given.held.close()),
        STATE("Lease.state", Bound.NOTHING, false, given -> given.held.state()),
        EXTEND("Lease.extend", Bound.WAIT_AND_ANSWER, false, given -> given.held.extend(Duration.ofMinutes(2))),
        ENSURE("Lease.ensure", Bound.WAIT_AND_ANSWER, false, given -> given.held.ensure(Duration.ofMinutes(2))),
        RELEASE("Lease.release", Bound.WAIT, false, given -> given.held.release()),
        RELEASE_ONCE(
                "Lease.release, acquired with 0", Bound.ONE_ANSWER, false, given -> given.heldForOneAttempt.release()),
        ADAPTER_ACQUIRE("MutexAdapter.acquire", Bound.WAIT, true, given -> given.adapter.acquire(KEY)),
        ADAPTER_RELEASE("MutexAdapter.release", Bound.WAIT, false, given -> given.adapter.release("adapted")),
        INSPECT("inspect", Bound.ONE_ANSWER, false, given -> given.mutex.inspect(KEY)),
        FORCE_RELEASE("forceRelease", Bound.ONE_ANSWER, false, given -> given.mutex.forceRelease(KEY)),
        ASK_HOLDER("askHolder", Bound.QUESTION, false, given -> given.mutex.askHolder(KEY)),
        CLOSE("close()", Bound.CLOSING, false, given -> given.mutex.close()),
        CLOSE_PATIENTLY("close(patience)", Bound.PATIENCE_AND_CLOSING, true, given -> given.mutex.close(WAIT_TIME));

        private final String text;
        private final Bound bound;
        private final boolean interruptible;
        private final Action action;

        Call(String text, Bound bound, boolean interruptible, Action action) {
            this.text = text;
            this.bound = bound;
            this.interruptible = interruptible;
            this.action = action;
        }
    }

    private enum Fault {
        /** Connections stay, and nothing is answered. */
        SILENT {
            @Override
            void strike(FaultyProxy proxy) {
                proxy.hold(Direction.TO_SERVER);
                proxy.hold(Direction.TO_CLIENT);
            }
        },
        /** Connections are gone, and new ones refused. */
        DOWN {
            @Override
            void strike(FaultyProxy proxy) {
                proxy.refuse(true);
                proxy.cut();
            }
        };

        abstract void strike(FaultyProxy proxy);
    }

    @AutoClose
    private final Stalls stalls = Stalls.watchMachine();

    private final EmbeddedRedis redis;
    private FaultyProxy proxy;
    private DistributedMutex mutex;

    BlockingBoundsTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void start() {
        proxy = FaultyProxy.to(redis.port());
        mutex = RedisMutex.builder()
                .uri(proxy.uri())
                .commandTimeout(COMMAND_TIMEOUT)
                .options(LockOptions.builder()
                        .waitTime(WAIT_TIME)
                        .retryInterval(RETRY_INTERVAL)
                        .build())
                .connect();
    }

    @AfterEach
    void stop() {
        proxy.heal();
        mutex.close();
        proxy.close();
        // What could not be given back while Redis was away ends with its lease: nobody is to wait for that here.
        redis.command("FLUSHALL");
    }

    @ParameterizedTest
    @MethodSource("callsAndFaults")
    void noCallTakesLongerThanItsBound(Call call, Fault fault) throws Exception {
        assertThat(outcomeOf(call, fault, false).took())
                .as("%s, with a server that is %s", call.text, fault)
                .isLessThan(call.bound.time.plus(SLACK).plusMillis(stalls.allowanceMillis()));
    }

    static Stream<Arguments> callsAndFaults() {
        return Arrays.stream(Call.values())
                .flatMap(call -> Arrays.stream(Fault.values()).map(fault -> Arguments.of(call, fault)));
    }

    @ParameterizedTest
    @EnumSource
    void anInterruptEndsWhatIsInterruptibleAndNothingElse(Call call) throws Exception {
        if (call.bound == Bound.NOTHING) {
            return;
        }
        Duration answerTimeOut = COMMAND_TIMEOUT.minusMillis(50);
        Outcome outcome = outcomeOf(call, Fault.SILENT, true);
        if (!call.interruptible) {
            assertThat(outcome.took()).as(call.text).isGreaterThan(answerTimeOut);
        } else if (call.bound != Bound.PATIENCE_AND_CLOSING) {
            // A machine that is busy may take that long, but not each time.
            for (int again = 0; again < 4 && outcome.took().compareTo(answerTimeOut) >= 0; again++) {
                stop();
                start();
                outcome = outcomeOf(call, Fault.SILENT, true);
            }
            // Ended when it was interrupted, and not by its bound or the answer's time-out.
            assertThat(outcome.took()).as(call.text).isLessThan(answerTimeOut);
        }
        boolean tellsByItsException = call == Call.LOCK_INTERRUPTIBLY || call == Call.TRY_LOCK_FOR;
        assertThat(outcome.flagged()).as("the flag after %s", call.text).isEqualTo(!tellsByItsException);
    }

    @Test
    void theTableSaysTheSame() throws IOException {
        List<String> rows =
                Files.readAllLines(Path.of("").toAbsolutePath().getParent().resolve("docs/guarantees.md")).stream()
                        .dropWhile(line -> !line.equals("## How long a call can take"))
                        .skip(1)
                        .takeWhile(line -> !line.startsWith("## "))
                        .filter(line -> line.startsWith("| `"))
                        .toList();
        List<String> told = new ArrayList<>();
        for (String row : rows) {
            String[] cells = row.split("\\|");
            boolean interruptible = cells[4].strip().startsWith("yes");
            for (String call : cells[1].strip().replaceAll("^`|`$", "").split("`, `")) {
                told.add(call + ": " + cells[3].strip() + (interruptible ? ", interruptible" : ""));
            }
        }
        assertThat(told)
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(Call.values())
                        .map(call -> call.text + ": " + call.bound.text + (call.interruptible ? ", interruptible" : ""))
                        .toList());
    }

    /** On the thread that makes the call, which holds what only a thread can hold. */
    private Given given() {
        MutexAdapter adapter = new MutexAdapter(mutex);
        Lock locked = mutex.asLock("locked");
        assertThat(adapter.acquire("adapted")).isTrue();
        locked.lock();
        return new Given(
                mutex,
                mutex.acquire("held"),
                mutex.acquire("held for one attempt", Duration.ZERO),
                adapter,
                locked,
                mutex.asLock(KEY));
    }

    /** How long a call took, and whether its thread's flag was set then. */
    private record Outcome(Duration took, boolean flagged) {}

    private Outcome outcomeOf(Call call, Fault fault, boolean interrupted) throws Exception {
        Optional<Outcome> outcome = outcomeIfReady(call, fault, interrupted);
        for (int again = 0; again < 4 && outcome.isEmpty(); again++) {
            stop();
            start();
            outcome = outcomeIfReady(call, fault, interrupted);
        }
        return outcome.orElseThrow();
    }

    /** Empty where the machine was so busy that a command before the fault ran out of time. */
    private Optional<Outcome> outcomeIfReady(Call call, Fault fault, boolean interrupted) throws Exception {
        CountDownLatch begins = new CountDownLatch(1);
        FutureTask<Outcome> task = new FutureTask<>(() -> {
            Given given = given();
            fault.strike(proxy);
            begins.countDown();
            long begun = System.nanoTime();
            try {
                call.action.run(given);
            } catch (LockException | InterruptedException e) {
                // That it could not be done is what is to be expected.
            }
            return new Outcome(Duration.ofNanos(System.nanoTime() - begun), Thread.interrupted());
        });
        Thread thread = new Thread(task, "caller");
        thread.start();
        Await.until("it is ready, or cannot be", () -> begins.getCount() == 0 || task.isDone());
        if (begins.getCount() != 0) {
            return Optional.empty();
        }
        if (interrupted) {
            Await.pass(Duration.ofMillis(50));
            if (task.isDone()) {
                return Optional.empty(); // This thread was late.
            }
            thread.interrupt();
        }
        return Optional.of(task.get(30, TimeUnit.SECONDS));
    }
}
