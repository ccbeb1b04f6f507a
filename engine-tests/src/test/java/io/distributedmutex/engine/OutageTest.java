package io.distributedmutex.engine;

import static io.distributedmutex.engine.World.KEY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.engine.World.Instance;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.FaultyLockStore.Operation;
import io.distributedmutex.testkit.ManualTime;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A store that is away: what is owed to it meanwhile, what the log says, and what is done when it is back. */
class OutageTest {

    private static final LockOptions TRY =
            LockOptions.builder().waitTime(Duration.ZERO).build();

    private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    @BeforeEach
    void listen() {
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(log);
    }

    // ---- what is owed

    @Test
    void aTryThatWasSurelyNotSentLeavesNothingToGiveBack() {
        try (World world = new World()) {
            Instance a = world.instance("a", TRY);
            a.store().rejectNext(1_000, Operation.ACQUIRE);
            for (int i = 0; i < 1_000; i++) {
                assertThat(world.failure(a.ask("key-" + i))).isInstanceOf(StoreUnreachableException.class);
            }
            assertThat(world.time.pendingTimers()).isZero();
            world.advanceMillis(1_000);
            assertThat(a.store().count(Operation.RELEASE)).isZero();
        }
    }

    @Test
    void aWaitThatWasNeverSentLeavesNothingToCancel() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            a.store().rejectNext(1_000, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(5_000);
            assertThat(world.failure(asked)).isInstanceOf(StoreUnreachableException.class);
            assertThat(a.store().count(Operation.CANCEL)).isZero();
        }
    }

    @Test
    void triesThatMayHaveBeenGrantedAreRepeatedFewAtATimeByOneTimer() {
        try (World world = new World()) {
            Instance a = world.instance("a", TRY);
            a.store().failNext(5_000, Operation.ACQUIRE);
            a.store().failNext(1_000_000, Operation.RELEASE);
            for (int i = 0; i < 5_000; i++) {
                assertThat(world.failure(a.ask("key-" + i))).isInstanceOf(StoreUnreachableException.class);
            }
            assertThat(world.time.pendingTimers()).isEqualTo(1);
            a.store().resetCounts();
            world.advanceMillis(10_000);
            assertThat(a.store().count(Operation.RELEASE))
                    .as("repetitions in 10 s")
                    .isBetween(100, 40 * 64);
            a.store().heal();
            a.store().announceReconnection();
            world.time.runDue();
            assertThat(world.time.pendingTimers())
                    .as("what was owed when the store was back")
                    .isZero();
        }
    }

    @Test
    void aReleaseGoesBeforeWhatTriesMayHaveBeenGranted() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Instance b = world.instance("b");
            Lease lease = world.held(a, KEY);
            CompletableFuture<Lease> waiting = b.ask(KEY);
            a.store().failNext(300, Operation.ACQUIRE);
            a.store().failNext(301, Operation.RELEASE);
            IntStream.range(0, 300)
                    .forEach(i -> a.mutex().with(o -> o.waitTime(Duration.ZERO)).acquireAsync("key-" + i));
            lease.close();
            world.waits(waiting);
            world.advanceMillis(250);
            world.granted(waiting).close();
            world.advanceMillis(3_000);
        }
    }

    @Test
    void whatIsAskedNowGoesBeforeWhatIsOwedWhenConnectionsAreBack() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            Lease lease = world.held(a, KEY);
            a.store().failNext(1_000, Operation.RELEASE);
            lease.close();
            CompletableFuture<Lease> next = a.ask(KEY);
            world.waits(next);
            a.store().heal();
            a.store().announceReconnection();
            world.granted(next).close();
        }
    }

    // ---- answers that are none

    @Test
    void anAnswerOfNullIsAnErrorAndNotAWaitWithoutAnEnd() {
        LockStore broken = (LockStore) Proxy.newProxyInstance(
                LockStore.class.getClassLoader(),
                new Class<?>[] {LockStore.class},
                (proxy, method, arguments) -> method.getReturnType() == CompletionStage.class
                        ? CompletableFuture.completedFuture(null)
                        : null);
        ManualTime time = ManualTime.create();
        try (DistributedMutex mutex = DistributedMutex.builder(broken)
                .environment(time.newEnvironment())
                .build()) {
            assertThatThrownBy(() -> mutex.tryAcquire(KEY)).isInstanceOf(StoreRefusedException.class);
            CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
            time.runDue();
            assertThat(asked).isCompletedExceptionally();
        }
    }

    // ---- what is still there

    @Test
    void heldLeasesAreVerifiedWhenConnectionsAreBack() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            List<Lease> leases = new ArrayList<>();
            for (int i = 0; i < 250; i++) {
                leases.add(world.held(a, "key-" + i));
            }
            Lease renewed = world.granted(
                    a.mutex().with(o -> o.autoRenew(Duration.ofMinutes(5))).acquireAsync("renewed"));
            world.server.delete("key-3");
            world.server.delete("key-240");
            world.server.delete("renewed");
            a.store().resetCounts();
            a.store().announceReconnection();
            world.time.runDue();
            assertThat(a.store().count(Operation.RENEW)).as("at once").isLessThanOrEqualTo(101);
            world.advanceMillis(20);
            assertThat(a.store().count(Operation.RENEW)).isEqualTo(251);
            assertThat(leases)
                    .filteredOn(lease -> lease.state() == LeaseState.LOST)
                    .containsExactly(leases.get(3), leases.get(240));
            assertThat(renewed.lossReason()).contains(LossReason.REVOKED);
            assertThat(leases.get(0).remaining()).isLessThanOrEqualTo(Duration.ofMinutes(1));
            leases.forEach(Lease::close);
        }
    }

    @Test
    void aRenewalThatCannotBeSentIsNotTriedManyTimesButAtOnceWhenConnectionsAreBack() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(60), Duration.ofMinutes(10)));
            Lease lease = world.held(a, KEY);
            a.store().rejectNext(1_000, Operation.RENEW);
            world.advanceMillis(50_000);
            assertThat(a.store().count(Operation.RENEW)).isBetween(3, 8);
            assertThat(lease.state()).isEqualTo(LeaseState.AT_RISK);
            a.store().heal();
            a.store().announceReconnection();
            world.time.runDue();
            assertThat(lease.state()).isEqualTo(LeaseState.HELD);
            assertThat(lease.remaining()).isGreaterThan(Duration.ofSeconds(59));
            lease.close();
        }
    }

    // ---- the log

    @Test
    void anOutageIsToldOnceAndNotForEachKey() {
        try (World world = new World()) {
            Instance a = world.instance("a", World.renewed(Duration.ofSeconds(60), Duration.ofMinutes(10)));
            List<Lease> leases = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                leases.add(world.held(a, "key-" + i));
            }
            a.store().failNext(1_000_000, Operation.RENEW);
            world.advanceMillis(20_000);
            world.advanceMillis(25_000);
            a.store().heal();
            world.advanceMillis(10_000);
            assertThat(leases).allMatch(Lease::isValid);
            leases.forEach(Lease::close);
        }
        assertThat(lines("AT RISK")).hasSize(10);
        assertThat(lines("OUTAGE")).hasSizeBetween(3, 5);
        assertThat(lines("OUTAGE").get(0)).startsWith("WARN OUTAGE has lasted for ");
        assertThat(lines("OUTAGE over")).singleElement().asString().contains("500 leases were at risk, 0 lost");
    }

    @Test
    void aSingleFailureIsNoOutage() {
        try (World world = new World()) {
            Instance a = world.instance("a");
            a.store().failNext(1, Operation.ACQUIRE);
            CompletableFuture<Lease> asked = a.ask(KEY);
            world.advanceMillis(5_000);
            world.granted(asked).close();
        }
        assertThat(lines("OUTAGE")).isEmpty();
    }

    private List<String> lines(String beginning) {
        return log.list.stream()
                .filter(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
                .filter(event -> event.getFormattedMessage().startsWith(beginning))
                .map(event -> event.getLevel() + " " + event.getFormattedMessage())
                .toList();
    }
}
