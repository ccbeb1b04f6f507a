package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What the log says at DEBUG, where who wonders finds where the time goes, and of a loss. */
class LogTest {

    private static final String KEY = "tenant:1";

    private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
    private final Level before = logger.getLevel();
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    private final Deployment deployment = Deployment.onManualTime();
    private final DistributedMutex mutex = deployment.instance("app").mutex();
    private final DistributedMutex other = deployment.instance("other").mutex();

    @BeforeEach
    void listen() {
        log.start();
        logger.setLevel(Level.DEBUG);
        logger.addAppender(log);
    }

    @AfterEach
    void nothingIsLeft() {
        logger.detachAppender(log);
        logger.setLevel(before);
        deployment.close();
    }

    @Test
    void aLockIsLoggedWithTheTimesWaitedAndHeldAndItsFencingToken() {
        Lease held = other.acquire(KEY);
        CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
        advanceMillis(1_200);
        log.list.clear();
        held.close();
        deployment.time.runDue();
        Lease lease = asked.join();
        advanceMillis(700);
        lease.close();
        assertThat(lines())
                .containsExactly(
                        "DEBUG released tenant:1 after 1200000 us, fencing token " + held.fencingToken(),
                        "DEBUG acquired tenant:1 after 1200000 us, fencing token " + lease.fencingToken(),
                        "DEBUG released tenant:1 after 700000 us, fencing token " + lease.fencingToken());
    }

    @Test
    void aKeyThatIsNotAcquiredIsLoggedWithTheTimeWaitedAndTheReason() {
        Lease held = other.acquire(KEY);
        log.list.clear();
        CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
        advanceMillis(LockOptions.defaults().waitTime().toMillis());
        assertThat(asked).isCompletedExceptionally();
        assertThat(lines())
                .containsExactly("DEBUG not acquired after 5000000 us: 'tenant:1' not acquired within 5 s: held by"
                        + " other for 55 s still");
        held.close();
    }

    @Test
    void aLossByTimeIsLoggedWithTheMaximumHoldIfThatEndedTheLeaseOnPurpose() {
        DistributedMutex renewed =
                mutex.with(o -> o.leaseTime(Duration.ofSeconds(3)).autoRenew(Duration.ofMinutes(1)));
        renewed.acquire(KEY);
        advanceMillis(60_000);
        assertThat(deployment.takeWarnings())
                .singleElement()
                .asString()
                .startsWith("WARN LOST tenant:1 (EXPIRED, token ")
                .endsWith("): the maximum hold of its autoRenew, 60 s, is over");
        mutex.with(o -> o.leaseTime(Duration.ofSeconds(3))).acquire(KEY);
        advanceMillis(3_001);
        assertThat(deployment.takeWarnings())
                .singleElement()
                .asString()
                .endsWith("): its deadline passed without a confirmed renewal, extension or release");
    }

    /** As the README shows it. */
    @Test
    void aRateLimitByMinimumHoldIsSilentForWhoeverHasNoTurn() {
        Duration minute = Duration.ofMinutes(1);
        List<DistributedMutex> machines = List.of(
                mutex.with(o -> o.leaseTime(minute).minimumHold(minute)),
                other.with(o -> o.leaseTime(minute).minimumHold(minute)));
        logger.setLevel(Level.INFO);
        int turns = 0;
        for (int second = 0; second < 180; second++) {
            for (DistributedMutex machine : machines) {
                Optional<Lease> turn = machine.tryAcquire("newsletter");
                if (turn.isPresent()) {
                    turn.get().close();
                    turns++;
                }
            }
            advanceMillis(1_000);
        }
        assertThat(turns).isEqualTo(3);
        assertThat(lines()).isEmpty();
        advanceMillis(60_000);
    }

    private List<String> lines() {
        return log.list.stream()
                .map(event -> event.getLevel() + " " + event.getFormattedMessage())
                .toList();
    }

    private void advanceMillis(long millis) {
        deployment.time.advance(Duration.ofMillis(millis));
    }
}
