package io.distributedmutex.lab.chaos.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.Register;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.output.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The checker of the chaos finds each thing that must not happen, and nothing in a history without one. */
class CheckerTest {

    private static final long MS = 1_000_000;
    private static final String KEY = "key-1";

    private final List<Event> events = new ArrayList<>();
    private final List<Register.Entry> register = new ArrayList<>();
    private final Map<String, Long> values = new HashMap<>();
    private final List<String> leftovers = new ArrayList<>();
    private final List<String> complaints = new ArrayList<>();
    private long calls = 100;
    private boolean deadlocks;
    private Topology topology = Topology.STANDALONE;

    // ---- what may be told

    private void at(long millis, int worker, Kind kind, long call, String key, long token, long value, String text) {
        events.add(new Event(millis * MS, worker, kind, call, key, token, value, text));
    }

    /** Waits and is granted a lease of 1 s that was asked for 10 ms before. */
    private void granted(int worker, long asked, long entered, long token) {
        long call = calls++;
        at(asked, worker, Kind.CALL, call, KEY, 0, 3_000 * MS, "acquire");
        at(entered, worker, Kind.ENTER, call, KEY, token, 990 * MS, "1000");
    }

    private void release(int worker, long millis, long token, String outcome) {
        long call = calls++;
        at(millis, worker, Kind.RELEASING, call, KEY, token, 1_000 * MS, "release");
        at(millis + 1, worker, Kind.RELEASED, call, KEY, token, 0, outcome);
    }

    private void hold(int worker, long asked, long from, long to, long token) {
        granted(worker, asked, from, token);
        release(worker, to, token, "ok");
    }

    private void lost(int worker, long millis, long token) {
        at(millis, worker, Kind.LOST, 0, KEY, token, 0, "EXPIRED");
    }

    /** A call without a lease. */
    private void refused(int worker, String how, long asked, long bound, long end, String outcome) {
        long call = calls++;
        at(asked, worker, Kind.CALL, call, KEY, 0, bound * MS, how);
        at(end, worker, Kind.NOT_ACQUIRED, call, KEY, 0, 0, outcome);
    }

    private void fault(long from, long to, Fault fault) {
        long number = calls++;
        at(from, 0, Kind.FAULT, number, fault.name(), 0, 0, fault.toString());
        at(to, 0, Kind.FAULT_OVER, number, fault.name(), 0, 0, fault.toString());
    }

    /** A fault of some keys alone. */
    private void faultOf(String keys, long from, long to, Fault fault) {
        at(from, 0, Kind.CONCERNS, calls, fault.name(), 0, 0, keys);
        fault(from, to, fault);
    }

    private void failover(long from, long to, String keys, boolean losesNothing) {
        long number = calls++;
        at(from + 10, 0, Kind.FAILOVER, number, keys, losesNothing ? 1 : 0, 10 * MS, "");
        at(to, 0, Kind.FAILOVER_OVER, number, keys, 0, 0, "");
    }

    private void dataLost(long from, long to, String key) {
        at(to, 0, Kind.DATA_LOST, 0, key, 0, (to - from) * MS, "");
    }

    private void stall(int worker, long from, long to) {
        at(to, worker, Kind.STALL, 0, "", 0, (to - from) * MS, "");
    }

    private void ends(int worker, long stopping, long bye, int exitCode) {
        at(bye, worker, Kind.BYE, 0, "", 0, 0, "");
        at(bye + 1, worker, Kind.ENDED, 0, "", 0, exitCode, "");
        at(stopping, 0, Kind.STOPPING, 0, "", 0, 0, "");
    }

    private void read(long millis, int worker, long token, long value, boolean accepted) {
        register.add(new Register.Entry(millis * MS, worker, false, KEY, token, value, accepted));
    }

    private void write(long millis, int worker, long token, long value, boolean accepted) {
        register.add(new Register.Entry(millis * MS, worker, true, KEY, token, value, accepted));
        if (accepted) {
            at(millis, worker, Kind.WRITE, 0, KEY, token, value, "write");
            values.put(KEY, value);
        }
    }

    private Verdict<Check> verdict() {
        Settings settings = new Settings(topology, Duration.ofMinutes(1), 1, 4, 2, deadlocks, Sabotage.NONE);
        RunRecord record = new RunRecord(settings, 0, events, register, values, leftovers, complaints);
        return Checker.check(History.of(events), record);
    }

    private List<String> violations(Check check) {
        return verdict().of(check).violations();
    }

    /** That one thing is found, and nothing else is. */
    private void onlyFinds(Check check, String text) {
        assertThat(verdict().findings()).allSatisfy(finding -> {
            if (finding.check() == check) {
                assertThat(finding.violations())
                        .isNotEmpty()
                        .anySatisfy(violation -> assertThat(violation).contains(text));
            } else {
                assertThat(finding.violations()).as(finding.check().name()).isEmpty();
            }
        });
    }

    private void findsNothing() {
        assertThat(verdict().findings())
                .hasSize(Check.values().length - (topology == Topology.CLUSTER ? 0 : 1))
                .allSatisfy(finding -> assertThat(finding.violations())
                        .as(finding.check().name())
                        .isEmpty());
    }

    // ---- all is well

    @Test
    void aHistoryWithoutFaultPasses() {
        at(0, 1, Kind.READY, 0, "", 0, 1, "");
        at(0, 2, Kind.READY, 0, "", 0, 2, "");
        hold(1, 100, 110, 150, 10);
        read(120, 1, 10, 0, true);
        write(130, 1, 10, 1, true);
        hold(2, 105, 151, 200, 11);
        read(160, 2, 11, 1, true);
        write(170, 2, 11, 2, true);
        refused(1, "try", 180, 500, 181, "taken");
        refused(1, "interrupt", 182, 500, 190, "LockInterruptedException");
        ends(1, 1_000, 1_200, 0);
        ends(2, 1_000, 1_300, 0);
        findsNothing();
    }

    // ---- 1: exclusion

    @Test
    void twoValidLeasesAreFound() {
        hold(1, 100, 110, 200, 10);
        hold(2, 105, 199, 250, 11);
        onlyFinds(Check.EXCLUSION, "worker 2's lease 11 on 'key-1' and worker 1's lease 10 on 'key-1' were valid");
    }

    @Test
    void anOverlapWithALongLeaseBehindAShortOneIsFound() {
        hold(1, 100, 110, 800, 10);
        hold(2, 150, 200, 210, 11);
        hold(3, 150, 220, 230, 12);
        assertThat(violations(Check.EXCLUSION)).hasSize(2);
    }

    @Test
    void aLeaseWhoseHolderWasKilledIsValidToItsDeadline() {
        granted(1, 100, 110, 10);
        at(150, 1, Kind.KILLED, 0, "", 0, 4711, "");
        hold(2, 105, 1_099, 1_150, 11);
        onlyFinds(Check.EXCLUSION, "for 1.0 ms");
    }

    @Test
    void aLeaseIsValidToTheDeadlineThatWasToldLast() {
        granted(1, 100, 110, 10);
        at(500, 1, Kind.DEADLINE, 0, KEY, 10, 980 * MS, "1000");
        at(600, 1, Kind.KILLED, 0, "", 0, 4711, "");
        hold(2, 1_200, 1_400, 1_410, 11);
        assertThat(violations(Check.EXCLUSION)).hasSize(1);

        at(550, 1, Kind.DEADLINE, 0, KEY, 10, 100 * MS, "1000");
        assertThat(violations(Check.EXCLUSION)).isEmpty();
    }

    @Test
    void whatIsReleasedOrOverIsNoOverlap() {
        hold(1, 100, 110, 200, 10);
        hold(2, 105, 201, 210, 11);
        granted(3, 205, 211, 12);
        lost(3, 1_202, 12);
        release(3, 3_000, 12, "lost");
        hold(1, 300, 1_210, 1_220, 13);
        findsNothing();
    }

    @Test
    void anOverlapIsExcusedByALossOfDataBetweenTheGrants() {
        granted(1, 100, 110, 10);
        dataLost(200, 210, "");
        hold(2, 105, 220, 250, 11);
        release(1, 300, 10, "ok");
        assertThat(violations(Check.EXCLUSION)).isEmpty();
        assertThat(verdict().of(Check.EXCLUSION).facts()).contains("1 overlaps after Redis had lost its data");
    }

    @Test
    void aLossOfAnotherKeyIsNoExcuse() {
        granted(1, 100, 110, 10);
        dataLost(200, 210, "key-2");
        hold(2, 105, 220, 250, 11);
        release(1, 300, 10, "ok");
        assertThat(violations(Check.EXCLUSION)).hasSize(1);
    }

    @Test
    void aLossBeforeTheFirstOrAfterTheSecondIsNoExcuse() {
        dataLost(50, 60, "");
        granted(1, 100, 110, 10);
        hold(2, 105, 220, 250, 11);
        dataLost(230, 240, KEY);
        release(1, 300, 10, "ok");
        assertThat(violations(Check.EXCLUSION)).hasSize(1);
    }

    @Test
    void aLossBeforeARenewalThatSucceededIsNoExcuse() {
        granted(1, 100, 110, 10);
        dataLost(200, 210, "");
        at(400, 1, Kind.DEADLINE, 0, KEY, 10, 990 * MS, "1000");
        hold(2, 105, 500, 550, 11);
        release(1, 600, 10, "ok");
        assertThat(violations(Check.EXCLUSION)).hasSize(1);
    }

    // ---- 1, around a failover

    @Test
    void anOverlapIsExcusedByAFailoverBetweenTheGrants() {
        granted(1, 100, 110, 10);
        failover(200, 250, "", false);
        hold(2, 105, 220, 250, 11);
        release(1, 300, 10, "ok");
        findsNothing();
        assertThat(verdict().of(Check.EXCLUSION).facts()).contains("1 around 1 failovers, of 30.0 ms at most");
    }

    @Test
    void aFailoverBeforeTheFirstOrAfterTheSecondIsNoExcuse() {
        failover(40, 50, "", false);
        granted(1, 1_100, 1_110, 10);
        hold(2, 1_105, 1_220, 1_250, 11);
        failover(1_230, 1_240, "", false);
        release(1, 1_300, 10, "ok");
        onlyFinds(Check.EXCLUSION, "were valid at once");
    }

    @Test
    void aFailoverThatLosesNothingOrIsOfAnotherShardIsNoExcuse() {
        granted(1, 100, 110, 10);
        failover(200, 250, KEY, true);
        failover(200, 250, "key-2 key-3", false);
        hold(2, 105, 220, 250, 11);
        release(1, 300, 10, "ok");
        onlyFinds(Check.EXCLUSION, "were valid at once");
    }

    /** Worker 1 goes on at the old server, a second after everybody could know of the new one. */
    @Test
    void whoStaysAtTheOldServerIsFound() {
        failover(200, 250, "", false);
        granted(2, 1_300, 1_310, 20);
        hold(1, 1_400, 1_410, 1_500, 11);
        release(2, 1_600, 20, "ok");
        assertThat(violations(Check.EXCLUSION)).hasSize(1);
        assertThat(violations(Check.TOKENS)).hasSize(1);
    }

    @Test
    void whoIsCutOffMayStayThereUntilThatIsOver() {
        fault(150, 1_000, Fault.BLACK_HOLE);
        failover(200, 250, "", false);
        granted(2, 1_300, 1_310, 20);
        hold(1, 1_400, 1_410, 1_500, 11);
        release(2, 1_600, 20, "ok");
        findsNothing();
    }

    @Test
    void theSameTokenOfBothServersIsCounted() {
        granted(1, 100, 110, 10);
        failover(200, 250, "", false);
        hold(2, 300, 310, 350, 12);
        hold(1, 320, 330, 350, 12);
        release(1, 400, 10, "ok");
        read(331, 1, 12, 0, true);
        read(332, 2, 12, 0, true);
        write(333, 1, 12, 1, true);
        write(334, 2, 12, 1, true);
        assertThat(violations(Check.TOKENS)).isEmpty();
        assertThat(violations(Check.FENCING)).isEmpty();
        assertThat(verdict().of(Check.TOKENS).facts()).contains("1 given by both servers around a failover");
        assertThat(verdict().of(Check.FENCING).facts()).contains("1 lost among equal tokens");
    }

    @Test
    void theSameTokenOfOneServerIsFound() {
        failover(200, 250, "", false);
        hold(2, 1_300, 1_310, 1_350, 12);
        hold(1, 1_355, 1_360, 1_380, 12);
        onlyFinds(Check.TOKENS, "has the same token as");
    }

    @Test
    void aStaleWriteAfterAFailoverMustBeRefused() {
        granted(1, 100, 110, 10);
        failover(200, 250, "", false);
        hold(2, 105, 220, 250, 11);
        release(1, 300, 10, "ok");
        read(230, 2, 11, 0, true);
        write(240, 1, 10, 1, true);
        onlyFinds(Check.FENCING, "worker 1 with token 10 wrote 'key-1' although 11 had been there");
    }

    @Test
    void aReplicasRefusalIsDocumentedWherePrimariesAreReplaced() {
        refused(1, "acquire", 100, 500, 200, "StoreRefusedException READ_ONLY");
        onlyFinds(Check.OUTCOMES, "READ_ONLY");
        topology = Topology.SENTINEL;
        findsNothing();
    }

    @Test
    void aKeyThatIsFreeForTooLongAfterAFailoverIsFound() {
        fault(100, 300, Fault.PLANNED_FAILOVER);
        failover(200, 250, "", false);
        refused(1, "acquire", 150, 10_000, 6_600, "LockNotAcquiredException");
        fault(60_000, 60_000, Fault.CUT);
        onlyFinds(Check.SERVICE, "for 6400.0 ms without other faults; a server had been promoted at 0.200 s");
        fault(1_000, 1_100, Fault.BLACK_HOLE);
        findsNothing();
    }

    // ---- shards

    @Test
    void aKeyOfAnotherShardThatWaitsIsFound() {
        topology = Topology.CLUSTER;
        faultOf("key-2 key-3", 10_000, 12_000, Fault.KILL_PRIMARY);
        refused(1, "acquire", 10_100, 3_000, 11_300, "LockNotAcquiredException");
        fault(60_000, 60_000, Fault.CUT);
        onlyFinds(Check.SHARDS, "on 'key-1' was free for 1200.0 ms");
    }

    @Test
    void aKeyOfTheFaultsShardMayWait() {
        topology = Topology.CLUSTER;
        faultOf("key-1 key-3", 10_000, 12_000, Fault.KILL_PRIMARY);
        refused(1, "acquire", 10_100, 3_000, 11_300, "LockNotAcquiredException");
        fault(60_000, 60_000, Fault.CUT);
        findsNothing();
    }

    @Test
    void aLeaseOfAnotherShardThatIsLostIsFound() {
        topology = Topology.CLUSTER;
        faultOf("key-2", 10_000, 12_000, Fault.STOP_PRIMARY);
        granted(1, 10_100, 10_110, 10);
        at(10_500, 1, Kind.LOST, 0, KEY, 10, 0, "TAKEN");
        release(1, 10_600, 10, "lost");
        onlyFinds(Check.SHARDS, "lease 10 on 'key-1' was lost (TAKEN) although its shard was well");
    }

    @Test
    void aRenewedLeaseOfAnotherShardThatExpiresIsFoundUnlessItsWorkerStoodStill() {
        topology = Topology.CLUSTER;
        faultOf("key-2", 10_000, 12_000, Fault.STOP_PRIMARY);
        at(10_100, 1, Kind.CALL, 7, KEY, 0, 3_000 * MS, "renewed");
        at(10_110, 1, Kind.ENTER, 7, KEY, 10, 590 * MS, "600");
        at(10_701, 1, Kind.LOST, 7, KEY, 10, 0, "EXPIRED");
        release(1, 10_710, 10, "lost");
        onlyFinds(Check.SHARDS, "lease 10 on 'key-1' was lost (EXPIRED) although its shard was well");
        stall(1, 10_200, 10_600);
        findsNothing();
    }

    @Test
    void theOrderOfAnotherShardIsJudged() {
        topology = Topology.CLUSTER;
        faultOf("key-2", 10_000, 12_000, Fault.STOP_PRIMARY);
        granted(1, 10_000, 10_010, 10);
        refused(2, "acquire", 10_100, 3_000, 10_900, "LockNotAcquiredException");
        release(1, 10_590, 10, "ok");
        hold(3, 10_500, 10_600, 10_890, 100);
        onlyFinds(Check.ORDER, "was granted before worker 2's call");
    }

    // ---- 2: tokens

    @Test
    void aTokenThatDoesNotRiseIsFound() {
        hold(1, 100, 110, 150, 11);
        hold(2, 105, 151, 200, 10);
        onlyFinds(
                Check.TOKENS,
                "worker 2's lease 10 on 'key-1' has a smaller token than the earlier worker 1's lease 11");
    }

    @Test
    void aTokenThatIsGivenTwiceIsFound() {
        hold(1, 100, 110, 150, 10);
        hold(2, 105, 151, 200, 10);
        onlyFinds(Check.TOKENS, "has the same token as");
    }

    @Test
    void aTokenThatFallsAfterALossOfDataIsFound() {
        hold(1, 100, 110, 150, 11);
        dataLost(200, 210, "");
        hold(2, 300, 310, 350, 10);
        onlyFinds(Check.TOKENS, "has a smaller token");
    }

    @Test
    void leasesThatCrossedALossMayBeEnteredInTheOtherOrder() {
        // Worker 1 was granted the key, Redis lost it, worker 2 was granted it and was quicker to say so.
        dataLost(105, 106, "");
        hold(2, 100, 108, 109, 11);
        at(100, 1, Kind.CALL, 1, KEY, 0, 3_000 * MS, "acquire");
        at(110, 1, Kind.ENTER, 1, KEY, 10, 985 * MS, "1000");
        release(1, 120, 10, "ok");
        assertThat(violations(Check.TOKENS)).isEmpty();
    }

    // ---- 3: fencing

    @Test
    void aLateWriteThatIsRefusedIsCounted() {
        read(100, 1, 10, 0, true);
        read(200, 2, 11, 0, true);
        write(250, 1, 10, 1, false);
        write(260, 2, 11, 1, true);
        assertThat(verdict().of(Check.FENCING).facts()).contains("1 late writes refused");
        findsNothing();
    }

    @Test
    void aLateWriteThatIsAcceptedIsFound() {
        read(100, 1, 10, 0, true);
        read(200, 2, 11, 0, true);
        write(250, 1, 10, 1, true);
        onlyFinds(Check.FENCING, "worker 1 with token 10 wrote 'key-1' although 11 had been there");
    }

    @Test
    void aLostUpdateIsFound() {
        write(250, 1, 10, 1, true);
        write(260, 2, 11, 1, true);
        assertThat(violations(Check.FENCING))
                .anySatisfy(violation -> assertThat(violation).contains("an update is lost"))
                .anySatisfy(violation -> assertThat(violation).contains("'key-1' is 1 after 2 writes"));
    }

    @Test
    void aWriteThatTheRegisterDoesNotKnowIsFound() {
        at(100, 1, Kind.WRITE, 0, KEY, 10, 1, "write");
        onlyFinds(Check.FENCING, "which the register does not know of");
    }

    @Test
    void aRefusalForNothingIsFound() {
        read(100, 1, 10, 0, true);
        read(110, 1, 10, 0, false);
        onlyFinds(Check.FENCING, "for nothing");
    }

    // ---- 4: told

    @Test
    void aHolderThatIsNeverToldIsFound() {
        granted(1, 100, 110, 10);
        release(1, 3_000, 10, "ok");
        onlyFinds(Check.TOLD, "its holder was never told");
    }

    @Test
    void aHolderThatIsToldLateIsFound() {
        granted(1, 100, 110, 10);
        lost(1, 1_900, 10);
        release(1, 3_000, 10, "lost");
        assertThat(violations(Check.TOLD)).isEmpty(); // It asked, and was told before it had the answer.
        events.clear();
        granted(1, 100, 110, 10);
        lost(1, 1_900, 10);
        release(1, 3_000, 10, "ok");
        onlyFinds(Check.TOLD, "was told 800.0 ms later");
    }

    @Test
    void aHolderWhoseReleaseSaysLostMustBeToldToo() {
        granted(1, 100, 110, 10);
        release(1, 200, 10, "lost");
        refused(1, "try", 900, 500, 901, "taken");
        onlyFinds(Check.TOLD, "was never told");
    }

    @Test
    void whoStoodStillIsToldWhenItGoesOnAndWhoDiedNeedNotBe() {
        granted(1, 100, 110, 10);
        stall(1, 500, 3_000);
        lost(1, 3_200, 10);
        release(1, 3_300, 10, "lost");
        granted(2, 3_100, 3_200, 11);
        at(3_300, 2, Kind.KILLED, 0, "", 0, 4711, "");
        assertThat(violations(Check.TOLD)).isEmpty();
    }

    @Test
    void aRenewalDuringAStandstillIsToldOfByNobody() {
        granted(1, 100, 110, 10);
        stall(1, 1_000, 1_500);
        release(1, 1_400, 10, "ok");
        findsNothing();
    }

    @Test
    void whoIsStoppedAndThenKilledHearsNothing() {
        granted(2, 100, 110, 10);
        at(500, 2, Kind.STOPPED, 0, "", 0, 0, "");
        at(5_000, 2, Kind.KILLED, 0, "", 0, 4711, "");
        at(5_100, 2, Kind.CONTINUED, 0, "", 0, 0, "");
        assertThat(violations(Check.TOLD)).isEmpty();
    }

    // ---- 5: outcomes

    @Test
    void aCallWithoutAnOutcomeIsFound() {
        at(100, 1, Kind.CALL, 7, KEY, 0, 500 * MS, "try");
        onlyFinds(Check.OUTCOMES, "worker 1's call 7 (try of 'key-1') has no outcome");
    }

    @Test
    void aCallOfAKilledWorkerNeedsNone() {
        at(100, 1, Kind.CALL, 7, KEY, 0, 500 * MS, "try");
        at(150, 1, Kind.KILLED, 0, "", 0, 4711, "");
        findsNothing();
    }

    @Test
    void aCallThatTakesTooLongIsFoundUnlessItsProcessStoodStill() {
        refused(1, "try", 100, 500, 1_101, "taken");
        onlyFinds(Check.OUTCOMES, "ended 501.0 ms later than it may");
        stall(1, 300, 420);
        findsNothing();
    }

    @Test
    void aStandstillThatSeveralThreadsReportExcusesOnce() {
        refused(1, "try", 100, 500, 1_401, "taken");
        stall(1, 300, 500);
        stall(1, 310, 510);
        stall(1, 290, 520);
        onlyFinds(Check.OUTCOMES, "ended 571.0 ms later than it may");
        stall(1, 600, 700);
        findsNothing();
    }

    @Test
    void whoIsKilledWhileItStandsStillCannotTellOfThat() {
        refused(1, "try", 90, 500, 95, "taken");
        at(100, 1, Kind.CALL, 7, KEY, 0, 500 * MS, "try");
        at(2_000, 1, Kind.KILLED, 0, "", 0, 4711, "");
        findsNothing();
        at(1_990, 1, Kind.READ, 0, KEY, 10, 0, "read");
        onlyFinds(Check.OUTCOMES, "ended 1400.0 ms later than it may");
    }

    @Test
    void anotherProcessesStandstillIsNoExcuse() {
        refused(1, "try", 100, 500, 1_101, "taken");
        stall(2, 300, 1_000);
        onlyFinds(Check.OUTCOMES, "later than it may");
    }

    @Test
    void anUndocumentedOutcomeIsFound() {
        refused(1, "acquire", 100, 500, 200, "NullPointerException");
        onlyFinds(Check.OUTCOMES, "ended with NullPointerException");
    }

    @Test
    void anOutcomeThatIsDocumentedForAnotherCallIsFound() {
        for (String outcome :
                List.of("LockInterruptedException", "cancelled", "taken", "MutexClosedException", "lost")) {
            events.clear();
            refused(1, "acquire", 100, 500, 200, outcome);
            onlyFinds(Check.OUTCOMES, "ended with " + outcome);
        }
    }

    @Test
    void anInstanceThatIsClosedSaysSo() {
        at(150, 1, Kind.CLOSING, 0, "", 0, 0, "");
        refused(1, "acquire", 100, 500, 200, "MutexClosedException");
        findsNothing();
    }

    @Test
    void aFailureAndAnErrorInALogAreFound() {
        at(100, 1, Kind.FAILED, 0, "", 0, 0, "it broke");
        onlyFinds(Check.OUTCOMES, "worker 1 failed: it broke");
        events.clear();
        complaints.add("worker-1.log: dmutex: ERROR a step failed");
        onlyFinds(Check.OUTCOMES, "a step failed");
    }

    // ---- 6: order

    @Test
    void whoIsOvertakenInCalmIsFound() {
        hold(3, 90, 100, 900, 9);
        hold(1, 200, 1_900, 1_910, 11);
        hold(2, 500, 901, 950, 10);
        onlyFinds(Check.ORDER, "which waited since 0.200 s");
    }

    @Test
    void aTryThatIsGrantedBeforeAWaiterIsFound() {
        hold(3, 90, 100, 900, 9);
        hold(1, 200, 1_900, 1_910, 200);
        at(901, 2, Kind.CALL, 7, KEY, 0, 500 * MS, "try");
        at(902, 2, Kind.ENTER, 7, KEY, 100, 990 * MS, "1000");
        release(2, 910, 100, "ok");
        onlyFinds(Check.ORDER, "worker 2's call 7 (try of 'key-1') was granted before worker 1's");
    }

    @Test
    void whoOvertakesDuringAFaultIsCountedOnly() {
        hold(3, 90, 100, 900, 9);
        hold(1, 200, 1_900, 1_910, 11);
        hold(2, 500, 901, 950, 10);
        fault(300, 300, Fault.KILL_PUSH);
        assertThat(violations(Check.ORDER)).isEmpty();
        assertThat(verdict().of(Check.ORDER).facts()).startsWith("1 of 3 grants overtook somebody");
    }

    @Test
    void whoOvertakesANewWorkerIsCountedOnly() {
        hold(3, 90, 100, 900, 9);
        hold(1, 200, 1_900, 1_910, 11);
        hold(2, 500, 901, 950, 10);
        at(-3_790, 1, Kind.READY, 0, "", 0, 1, "");
        ends(1, 5_000, 5_100, 0);
        assertThat(violations(Check.ORDER)).isEmpty();
        assertThat(verdict().of(Check.ORDER).facts()).startsWith("1 of 3 grants overtook somebody");
        events.removeIf(event -> event.kind() == Kind.READY);
        at(-3_810, 1, Kind.READY, 0, "", 0, 1, "");
        onlyFinds(Check.ORDER, "which waited since 0.200 s");
    }

    @Test
    void aPlaceInTheQueueBelongsToAllThreadsOfAWorker() {
        hold(3, 90, 100, 900, 9);
        // Worker 2's place is older than its call that is granted: another thread of it had waited before.
        refused(2, "acquire", 150, 600, 700, "LockNotAcquiredException");
        hold(1, 300, 1_900, 1_910, 11);
        hold(2, 600, 901, 950, 10);
        findsNothing();
    }

    @Test
    void aLeaseThatIsPassedOnWithinAProcessIsItsFavour() {
        hold(2, 90, 100, 101, 1_000);
        hold(1, 200, 1_900, 1_910, 2_000);
        hold(2, 1_200, 1_201, 1_202, 1_001);
        assertThat(violations(Check.ORDER)).isEmpty();
        events.clear();
        hold(2, 90, 100, 101, 1_000);
        hold(1, 200, 1_900, 1_910, 2_000);
        hold(2, 1_200, 1_201, 1_202, 1_100);
        assertThat(violations(Check.ORDER)).hasSize(1);
    }

    // ---- 7: service

    @Test
    void aFreeKeyThatIsNotGrantedInCalmIsFound() {
        refused(1, "acquire", 8_000, 3_000, 9_001, "LockNotAcquiredException");
        onlyFinds(Check.SERVICE, "on 'key-1' was free for 1001.0 ms although somebody waited for it");
    }

    @Test
    void afterTheLastFaultAKeyMayTakeALittleLonger() {
        fault(1_000, 8_000, Fault.BLACK_HOLE);
        refused(1, "acquire", 7_000, 6_900, 14_249, "LockNotAcquiredException");
        assertThat(violations(Check.SERVICE)).isEmpty();
        refused(1, "acquire", 14_240, 3_000, 14_251, "LockNotAcquiredException");
        assertThat(violations(Check.SERVICE)).hasSize(1);
    }

    @Test
    void aKeyThatIsHeldOrThatNobodyWaitsForIsNotUnserved() {
        hold(1, 8_000, 8_010, 8_900, 10);
        refused(2, "acquire", 8_011, 800, 8_890, "LockNotAcquiredException");
        hold(1, 12_000, 12_010, 12_020, 11);
        findsNothing();
    }

    @Test
    void aKeyThatIsKeptByItsMinimumHoldIsNotFree() {
        granted(1, 8_000, 8_010, 10);
        at(8_020, 1, Kind.KEPT, 0, KEY, 10, 2_000 * MS, "");
        release(1, 8_020, 10, "ok");
        refused(2, "acquire", 8_015, 2_800, 10_800, "LockNotAcquiredException");
        assertThat(violations(Check.SERVICE)).isEmpty();
    }

    @Test
    void theWorstStallIsPutDownToTheFaultBeforeIt() {
        fault(1_000, 2_000, Fault.STOP_SERVER);
        hold(1, 1_500, 2_300, 2_310, 10);
        fault(5_000, 5_000, Fault.CUT);
        History history = History.of(events);
        ServiceChecks service = new ServiceChecks(history, new Times(history, 0), 0);
        assertThat(service.worstStalls())
                .containsEntry(Fault.STOP_SERVER, 300 * MS)
                .containsEntry(Fault.CUT, 0L);
    }

    // ---- 8: deadlocks

    /** Holds a key, and waits for another until an end; returns nothing else. */
    private void holdsAndWaits(int worker, String held, long token, String wanted, long from, long to, String outcome) {
        long first = calls++;
        at(from - 20, worker, Kind.CALL, first, held, 0, 15_000 * MS, "circle");
        at(from - 10, worker, Kind.ENTER, first, held, token, 60_000 * MS, "60000");
        long second = calls++;
        at(from, worker, Kind.CALL, second, wanted, 0, 15_000 * MS, "circle");
        at(to, worker, Kind.NOT_ACQUIRED, second, wanted, 0, 0, outcome);
        long release = calls++;
        at(to + 5, worker, Kind.RELEASING, release, held, token, 15_000 * MS, "release");
        at(to + 6, worker, Kind.RELEASED, release, held, token, 0, "ok");
    }

    private void circleOfTwo(long from, long to, String outcome) {
        deadlocks = true;
        holdsAndWaits(1, "circle-0", 11, "circle-1", from, to + 100, "LockNotAcquiredException");
        holdsAndWaits(2, "circle-1", 12, "circle-0", from, to, outcome);
    }

    private void told(int worker, long millis, String key, String text) {
        at(millis, worker, Kind.DEADLOCK, 0, key, 0, 0, text);
    }

    @Test
    void aCircleThatIsToldAndBrokenPasses() {
        circleOfTwo(1_000, 2_010, "DeadlockException");
        told(2, 2_011, "circle-0", "2>circle-0#11 1>circle-1#12");
        findsNothing();
        assertThat(verdict().of(Check.DEADLOCKS).facts()).isEqualTo("1 circles, 1 of them told of, 1 victims");
    }

    @Test
    void aCircleThatIsNotToldOfIsFound() {
        circleOfTwo(1_000, 7_500, "LockNotAcquiredException");
        onlyFinds(Check.DEADLOCKS, "these waited in a circle, undisturbed: 1>circle-1#12 2>circle-0#11");
    }

    @Test
    void aCircleThatStandsThroughAFaultMayBeToldOfLater() {
        circleOfTwo(1_000, 12_500, "DeadlockException");
        fault(1_500, 6_000, Fault.BLACK_HOLE);
        told(2, 12_500, "circle-0", "2>circle-0#11 1>circle-1#12");
        findsNothing();
    }

    @Test
    void aCircleThatWasNoneIsFound() {
        deadlocks = true;
        holdsAndWaits(1, "circle-0", 11, "circle-1", 1_000, 3_000, "LockNotAcquiredException");
        holdsAndWaits(2, "circle-1", 12, "circle-2", 1_000, 3_000, "DeadlockException");
        told(2, 3_000, "circle-2", "2>circle-2#11 1>circle-1#12");
        onlyFinds(Check.DEADLOCKS, "was told of a circle that did not stand");
    }

    @Test
    void aCircleThatStoodLongAgoIsFound() {
        circleOfTwo(1_000, 2_010, "DeadlockException");
        told(2, 5_500, "circle-0", "2>circle-0#11 1>circle-1#12");
        assertThat(violations(Check.DEADLOCKS))
                .anySatisfy(found -> assertThat(found).contains("did not stand"));
    }

    @Test
    void aCircleThatIsToldTwiceIsFound() {
        circleOfTwo(1_000, 2_010, "DeadlockException");
        told(2, 2_011, "circle-0", "2>circle-0#11 1>circle-1#12");
        told(1, 2_012, "circle-1", "1>circle-1#12 2>circle-0#11");
        assertThat(violations(Check.DEADLOCKS))
                .anySatisfy(found -> assertThat(found).contains("was told again"))
                .anySatisfy(found -> assertThat(found).contains("nobody gave up"));
    }

    @Test
    void aSecondVictimIsFound() {
        deadlocks = true;
        holdsAndWaits(1, "circle-0", 11, "circle-1", 1_000, 2_020, "DeadlockException");
        holdsAndWaits(2, "circle-1", 12, "circle-0", 1_000, 2_010, "DeadlockException");
        told(2, 2_011, "circle-0", "2>circle-0#11 1>circle-1#12");
        onlyFinds(Check.DEADLOCKS, "ended for a circle that was not told of");
    }

    @Test
    void aDeadlockWhereThereAreNoneIsFound() {
        hold(1, 1_000, 1_010, 1_200, 11);
        told(1, 1_100, KEY, "1>key-1#11");
        onlyFinds(Check.DEADLOCKS, "did not stand");
    }

    @Test
    void aRunWithoutACircleThatWasToMakeSomeIsFound() {
        deadlocks = true;
        onlyFinds(Check.DEADLOCKS, "no circle was told of");
    }

    // ---- 9: end

    @Test
    void aWorkerThatDoesNotEndWellIsFound() {
        at(0, 1, Kind.READY, 0, "", 0, 1, "");
        ends(1, 1_000, 1_100, 70);
        onlyFinds(Check.END, "worker 1 ended with exit code 70");
        events.clear();
        at(0, 1, Kind.READY, 0, "", 0, 1, "");
        ends(1, 1_000, 16_001, 0);
        onlyFinds(Check.END, "worker 1 took 15001.0 ms to end");
        events.clear();
        at(0, 1, Kind.READY, 0, "", 0, 1, "");
        onlyFinds(Check.END, "nothing is known of worker 1's end");
    }

    @Test
    void whatIsLeftInRedisIsFound() {
        leftovers.add("lock:key-1");
        onlyFinds(Check.END, "'lock:key-1' is left in Redis");
    }
}
