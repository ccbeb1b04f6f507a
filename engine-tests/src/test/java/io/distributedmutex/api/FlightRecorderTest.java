package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.api.Deployment.Instance;
import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a flight recording shows of locks. */
class FlightRecorderTest {

    private static final String KEY = "tenant:1";
    private static final String ACQUIRE = "io.distributedmutex.Acquire";
    private static final String HOLD = "io.distributedmutex.Hold";
    private static final String LOSS = "io.distributedmutex.Loss";

    @TempDir
    private Path folder;

    private interface Scenario {
        void run(Deployment deployment) throws Exception;
    }

    /** Any recording, with no word of our events in it, as somebody starts one who has trouble in production. */
    private List<RecordedEvent> recorded(Scenario scenario) throws Exception {
        return recorded(new Recording(), scenario);
    }

    private List<RecordedEvent> recorded(Recording recording, Scenario scenario) throws Exception {
        try (recording;
                Deployment deployment = Deployment.inRealTime()) {
            recording.start();
            scenario.run(deployment);
            recording.stop();
            return events(recording);
        }
    }

    private List<RecordedEvent> events(Recording recording) throws IOException {
        Path file = folder.resolve("recording.jfr");
        recording.dump(file);
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().startsWith("io.distributedmutex."))
                .toList();
    }

    @Test
    void aLeaseShowsAsAnAcquireAndAHold() throws Exception {
        long[] token = new long[1];
        List<RecordedEvent> events = recorded(deployment -> {
            try (Lease lease = deployment.instance("app").mutex().acquire(KEY)) {
                token[0] = lease.fencingToken();
            }
        });
        assertThat(named(events, ACQUIRE)).singleElement().satisfies(event -> {
            assertThat(event.getString("key")).isEqualTo(KEY);
            assertThat(event.getString("outcome")).isEqualTo("acquired");
            assertThat(event.getLong("fencingToken")).isEqualTo(token[0]);
        });
        assertThat(named(events, HOLD)).singleElement().satisfies(event -> {
            assertThat(event.getString("key")).isEqualTo(KEY);
            assertThat(event.getString("outcome")).isEqualTo("released");
            assertThat(event.getLong("fencingToken")).isEqualTo(token[0]);
        });
        assertThat(named(events, LOSS)).isEmpty();
    }

    @Test
    void theDurationsAreTheTimeWaitedAndTheTimeHeld() throws Exception {
        List<RecordedEvent> events = recorded(deployment -> {
            Instance other = deployment.instance("other");
            DistributedMutex mutex = deployment.instance("app").mutex();
            Lease held = other.mutex().acquire("held by the other");
            CompletableFuture<Lease> asked = mutex.acquireAsync("held by the other");
            waitFor(60);
            held.close();
            Lease lease = asked.get();
            waitFor(40);
            lease.close();
        });
        RecordedEvent acquire = named(events, ACQUIRE).stream()
                .filter(event -> event.getDuration().toMillis() >= 60)
                .findFirst()
                .orElseThrow();
        assertThat(acquire.getString("outcome")).isEqualTo("acquired");
        assertThat(named(events, HOLD))
                .extracting(RecordedEvent::getDuration)
                .anyMatch(held -> held.toMillis() >= 60)
                .anyMatch(held -> held.toMillis() >= 40 && held.toMillis() < 10_000);
    }

    @Test
    void anAcquireThatFailsShowsWhy() throws Exception {
        List<RecordedEvent> events = recorded(deployment -> {
            Lease held = deployment.instance("other").mutex().acquire(KEY);
            DistributedMutex mutex = deployment.instance("app").mutex().with(o -> o.waitTime(Duration.ofMillis(20)));
            try {
                mutex.acquire(KEY);
                throw new AssertionError("acquired");
            } catch (LockNotAcquiredException expected) {
                held.close();
            }
        });
        assertThat(named(events, ACQUIRE))
                .filteredOn(event -> !event.getString("outcome").equals("acquired"))
                .singleElement()
                .satisfies(event -> {
                    assertThat(event.getString("key")).isEqualTo(KEY);
                    assertThat(event.getString("outcome")).isEqualTo("LockNotAcquiredException");
                    assertThat(event.getLong("fencingToken")).isZero();
                    assertThat(event.getDuration()).isGreaterThanOrEqualTo(Duration.ofMillis(20));
                });
    }

    @Test
    void aLossShowsWithItsReasonAndEndsTheHold() throws Exception {
        long[] token = new long[1];
        List<RecordedEvent> events = recorded(deployment -> {
            Lease lease = deployment
                    .instance("app")
                    .mutex()
                    .with(o -> o.leaseTime(Duration.ofMillis(50)))
                    .acquire(KEY);
            token[0] = lease.fencingToken();
            lease.lost().get();
            assertThat(deployment.takeWarnings()).hasSize(1);
            Await.until(() -> deployment.server.contents().isEmpty());
        });
        assertThat(named(events, LOSS)).singleElement().satisfies(event -> {
            assertThat(event.getString("key")).isEqualTo(KEY);
            assertThat(event.getString("reason")).isEqualTo("EXPIRED");
            assertThat(event.getLong("fencingToken")).isEqualTo(token[0]);
        });
        assertThat(named(events, HOLD)).singleElement().satisfies(event -> {
            assertThat(event.getString("outcome")).isEqualTo("lost");
            assertThat(event.getDuration()).isBetween(Duration.ofMillis(40), Duration.ofSeconds(20));
        });
    }

    @Test
    void aThresholdLeavesOutTheShortOnesAndKeepsTheLongOnes() throws Exception {
        Recording recording = new Recording();
        recording.enable(ACQUIRE).withThreshold(Duration.ofMillis(50));
        recording.enable(HOLD).withThreshold(Duration.ofMillis(50));
        List<RecordedEvent> events = recorded(recording, deployment -> {
            DistributedMutex other = deployment.instance("other").mutex();
            DistributedMutex mutex = deployment.instance("app").mutex();
            for (int i = 0; i < 5; i++) {
                mutex.acquire("quick").close();
            }
            Lease held = other.acquire(KEY);
            assertThatExceptionOfType(LockNotAcquiredException.class)
                    .isThrownBy(() ->
                            mutex.with(o -> o.waitTime(Duration.ofMillis(100))).acquire(KEY));
            CompletableFuture<Lease> asked = mutex.acquireAsync(KEY);
            waitFor(100);
            held.close();
            asked.get().close();
        });
        assertThat(named(events, ACQUIRE))
                .filteredOn(event -> event.getString("key").equals(KEY))
                .extracting(event -> event.getString("outcome"))
                .contains("acquired", "LockNotAcquiredException");
        assertThat(named(events, HOLD))
                .extracting(event -> event.getString("key"))
                .contains(KEY);
        assertThat(events)
                .extracting(RecordedEvent::getDuration)
                .allMatch(duration -> duration.compareTo(Duration.ofMillis(50)) >= 0);
    }

    @Test
    void theEventsExplainThemselves() throws Exception {
        List<RecordedEvent> events = recorded(
                deployment -> deployment.instance("app").mutex().acquire(KEY).close());
        RecordedEvent acquire = named(events, ACQUIRE).get(0);
        assertThat(acquire.getEventType().getLabel()).isEqualTo("Lock Acquire");
        assertThat(acquire.getEventType().getCategoryNames()).containsExactly("Distributed Mutex");
        assertThat(acquire.getEventType().getField("fencingToken").getLabel()).isEqualTo("Fencing Token");
    }

    /** Time itself is what is measured here, so there is no other condition to wait for. */
    private static void waitFor(long millis) {
        long end = System.nanoTime() + millis * 1_000_000;
        Await.until(() -> System.nanoTime() - end >= 0);
    }

    private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(name))
                .toList();
    }
}
