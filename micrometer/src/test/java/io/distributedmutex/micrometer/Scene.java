package io.distributedmutex.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.MutexListener;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.testkit.FaultyLockStore;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.slf4j.LoggerFactory;

/** Instances on one in-memory store and one clock, and what the library logs meanwhile. One thread does everything. */
final class Scene implements AutoCloseable {

    final ManualTime time = ManualTime.create().autoAdvance();

    private final InMemoryLockStore server = new InMemoryLockStore(time);
    private final List<DistributedMutex> instances = new ArrayList<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger("io.distributedmutex");
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    Scene() {
        log.start();
        logger.addAppender(log);
        logger.setAdditive(false);
    }

    /** An instance, and the store that can be made to fail it. */
    record Instance(DistributedMutex mutex, FaultyLockStore store) {}

    Instance instance(String label, MutexListener listener) {
        Environment environment = time.newEnvironment();
        FaultyLockStore store = new FaultyLockStore(server.sibling(), environment);
        DistributedMutex mutex = DistributedMutex.builder(store)
                .environment(environment)
                .holderLabel(label)
                .listener(listener)
                .build();
        instances.add(mutex);
        return new Instance(mutex, store);
    }

    DistributedMutex other() {
        return instance("other", new MutexListener() {}).mutex();
    }

    /** What is in the store, to be broken. */
    InMemoryLockStore server() {
        return server;
    }

    void pass(Duration duration) {
        time.advance(duration);
    }

    /** Runs what is due, so that all listeners have heard. */
    void settle() {
        time.runDue();
    }

    /** What a future has completed with. It must not be waited for: nobody else moves the clock. */
    Lease lease(CompletableFuture<Lease> future) {
        settle();
        assertThat(future).isCompleted();
        return future.join();
    }

    /** The lines at WARN and above since the last call. */
    List<String> warnings() {
        List<String> lines = log.list.stream()
                .filter(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
        log.list.clear();
        return lines;
    }

    @Override
    public void close() {
        instances.forEach(DistributedMutex::close);
        logger.detachAppender(log);
        logger.setAdditive(true);
    }
}
