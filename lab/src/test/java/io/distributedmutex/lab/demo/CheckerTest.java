package io.distributedmutex.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.demo.Checker.Remains;
import io.distributedmutex.lab.demo.Event.Kind;
import io.distributedmutex.lab.output.Verdict;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The demo's checker finds each thing that must not happen, and nothing in a history without one. */
class CheckerTest {

    private static final long MS = 1_000_000;
    private static final String COUNTER = History.COUNTER;

    private final List<Event> events = new ArrayList<>();

    private void at(long millis, int worker, Kind kind, String key, long token, long value) {
        events.add(new Event(millis * MS, worker, kind, key, token, value, ""));
    }

    /** A whole update, with a lease of 2 s. */
    private void update(int worker, long from, long to, long token, long before) {
        at(from - 1, worker, Kind.WANT, COUNTER, 0, 0);
        at(from, worker, Kind.ENTER, COUNTER, token, 2_000 * MS);
        at(from, worker, Kind.READ, COUNTER, token, before);
        at(to, worker, Kind.WRITE, COUNTER, token, before + 1);
        at(to, worker, Kind.LEAVE, COUNTER, token, 0);
    }

    /** Dies between read and write; the key is taken until the given time. */
    private void dies(int worker, long from, long killed, long leaseEnd, long token) {
        at(from, worker, Kind.ENTER, COUNTER, token, 1_500 * MS);
        at(from, worker, Kind.READ, COUNTER, token, 1);
        at(killed - 5, worker, Kind.STALLED, COUNTER, token, (leaseEnd - killed + 5) * MS);
        at(killed, worker, Kind.KILLED, "", 0, 4711);
    }

    private Verdict<Check> verdict(Remains remains) {
        return Checker.check(History.of(events), remains, 0);
    }

    private Verdict<Check> verdict(long counter) {
        return verdict(new Remains(counter, List.of(), List.of(), false));
    }

    @Test
    void aHistoryWithoutFaultPasses() {
        update(1, 10, 20, 100, 0);
        update(2, 20, 30, 101, 1);
        dies(1, 40, 60, 2_040, 102);
        update(2, 2_044, 2_050, 103, 2);
        at(5, 2, Kind.ENTER, "job:1", 200, 500 * MS);
        at(9, 2, Kind.DONE, "job:1", 200, 0);
        at(9, 2, Kind.LEAVE, "job:1", 200, 0);
        at(10, 3, Kind.ENTER, "job:1", 201, 500 * MS);
        at(11, 3, Kind.SEEN, "job:1", 201, 0);
        at(11, 3, Kind.LEAVE, "job:1", 201, 0);

        Verdict<Check> verdict = verdict(new Remains(3, List.of(1), List.of(1), true));

        assertThat(verdict.findings())
                .allSatisfy(finding -> assertThat(finding.violations())
                        .as(finding.check().name())
                        .isEmpty());
        assertThat(verdict.passed()).isTrue();
        assertThat(verdict.findings()).hasSize(Check.values().length);
        assertThat(verdict.of(Check.TAKE_OVER).facts())
                .isEqualTo("worker 1's by worker 2, 4.0 ms after its lease ended");
    }

    @Test
    void twoHoldersAtOnceAreFound() {
        update(1, 10, 20, 100, 0);
        update(2, 19, 30, 101, 1);
        assertThat(verdict(2).passed()).isFalse();
        assertThat(verdict(2).of(Check.EXCLUSION).violations())
                .containsExactly("at 0.019 s worker 2 got 'counter' while worker 1 held it still, for 1.0 ms");
    }

    @Test
    void anOverlapWithAnEarlierLongHoldIsFoundBehindAShortOne() {
        update(1, 10, 100, 100, 0);
        update(2, 20, 30, 101, 1);
        update(3, 40, 50, 102, 2);
        assertThat(verdict(3).of(Check.EXCLUSION).violations()).hasSize(2);
    }

    @Test
    void holdsOfDifferentKeysMayOverlap() {
        update(1, 10, 20, 100, 0);
        at(12, 2, Kind.ENTER, "job:1", 1, 500 * MS);
        at(18, 2, Kind.LEAVE, "job:1", 1, 0);
        assertThat(verdict(1).of(Check.EXCLUSION).violations()).isEmpty();
    }

    @Test
    void whoEntersBeforeTheLeaseOfADeadHolderEndsIsFound() {
        dies(1, 40, 60, 2_040, 102);
        update(2, 1_900, 1_910, 103, 0);
        assertThat(verdict(1).of(Check.EXCLUSION).violations())
                .singleElement()
                .asString()
                .contains("worker 2 got 'counter'");
    }

    @Test
    void aHolderWhoseLeaseEndsWhileItIsPausedIsNoOverlap() {
        at(10, 1, Kind.ENTER, COUNTER, 100, 2_000 * MS);
        at(10, 1, Kind.READ, COUNTER, 100, 0);
        update(2, 2_015, 2_020, 101, 0);
        at(3_000, 1, Kind.REFUSED, COUNTER, 100, 1);
        at(3_000, 1, Kind.LEAVE, COUNTER, 100, 0);
        assertThat(verdict(1).passed()).isTrue();
        assertThat(verdict(1).of(Check.UPDATES).facts()).contains("1 late ones refused");
    }

    @Test
    void aFencingTokenThatFallsOrStaysIsFound() {
        update(1, 10, 20, 100, 0);
        update(2, 30, 40, 99, 1);
        update(3, 50, 60, 100, 2);
        update(3, 70, 80, 101, 3);
        assertThat(verdict(4).of(Check.TOKENS).violations())
                .containsExactly(
                        "at 0.030 s worker 2 got 'counter' with fencing token 99, after 100",
                        "at 0.050 s worker 3 got 'counter' with fencing token 100, after 100");
    }

    @Test
    void aLostUpdateIsFoundInTheHistory() {
        update(1, 10, 20, 100, 0);
        update(2, 30, 40, 101, 0);
        assertThat(verdict(1).of(Check.UPDATES).violations())
                .containsExactly(
                        "at 0.040 s worker 2 wrote 1, as worker 1 had: an update is lost",
                        "the file says 1 after 2 updates");
    }

    @Test
    void aLostUpdateIsFoundInTheFile() {
        update(1, 10, 20, 100, 0);
        assertThat(verdict(0).of(Check.UPDATES).violations()).containsExactly("the file says 0 after 1 updates");
        assertThat(verdict(2).of(Check.UPDATES).violations()).containsExactly("the file says 2 after 1 updates");
    }

    @Test
    void jobsDoneTwiceNeverOrUnaskedAreFound() {
        Verdict<Check> verdict = verdict(new Remains(0, List.of(1, 2, 2, 9), List.of(1, 2, 3), false));
        assertThat(verdict.of(Check.JOBS).violations())
                .containsExactlyInAnyOrder(
                        "job 2 was done 2 times", "job 9 was done but never offered", "job 3 was missed");
    }

    @Test
    void aKillThatDidNotHappenIsFound() {
        update(1, 10, 20, 100, 0);
        assertThat(verdict(new Remains(1, List.of(), List.of(), true))
                        .of(Check.TAKE_OVER)
                        .violations())
                .containsExactly("no worker was killed while it held 'counter'");
    }

    @Test
    void aDeadHoldersLockThatNobodyGetsIsFound() {
        dies(1, 40, 60, 2_040, 102);
        assertThat(verdict(new Remains(0, List.of(), List.of(), true))
                        .of(Check.TAKE_OVER)
                        .violations())
                .containsExactly("nobody got 'counter' after worker 1");
    }

    @Test
    void aWorkersErrorIsFound() {
        events.add(new Event(7 * MS, 3, Kind.FAILED, "", 0, 0, "no Redis"));
        assertThat(verdict(0).of(Check.WORKERS).violations()).containsExactly("at 0.007 s worker 3: no Redis");
    }

    @Test
    void eventsMayComeInAnyOrder() {
        update(2, 30, 40, 101, 1);
        update(1, 10, 20, 100, 0);
        assertThat(verdict(2).passed()).isTrue();
        assertThat(History.of(events).holds()).extracting(Hold::worker).containsExactly(1, 2);
    }
}
