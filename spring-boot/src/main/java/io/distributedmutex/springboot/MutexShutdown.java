package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.SmartLifecycle;

/**
 * Ends the mutexes of the application when it closes: no lock is acquired any more, what is held may end, then it is
 * released and the connections close.
 *
 * <p>A mutex that is closed stays closed. So a context that is stopped without being closed, as to be started again, leaves
 * its mutexes as they are; and nothing of this is part of a pause, as by the test context of Spring 7.
 */
final class MutexShutdown implements SmartLifecycle {

    /**
     * Stops below what acquires locks: web servers (about 2^31), listeners and schedulers (2^31 - 1). Stops above connections, as
     * that of LettuceConnectionFactory (0), which work under a lock may use.
     */
    static final int PHASE = 1_024;

    private static final Logger log = LoggerFactory.getLogger(MutexShutdown.class);

    private final ConfigurableApplicationContext context;
    private final Duration patience;
    private volatile boolean running;

    /**
     * Makes it ready.
     *
     * @param context whose mutexes are ended
     * @param patience how long what is held may last
     */
    MutexShutdown(ConfigurableApplicationContext context, Duration patience) {
        this.context = context;
        this.patience = patience;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }

    @Override
    public boolean isPauseable() {
        return false;
    }

    @Override
    public void start() {
        running = true;
    }

    /** Still true after a stop that closed nothing, so that the close that may follow is not left out. */
    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void stop() {
        if (!context.isClosed()) {
            return;
        }
        running = false;
        long deadline = System.nanoTime() + patience.toNanos();
        for (DistributedMutex mutex : mutexes()) {
            close(mutex, Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
        }
    }

    /** Those that were made; one that is made at its first use may not have been. */
    private List<DistributedMutex> mutexes() {
        ConfigurableListableBeanFactory beans = context.getBeanFactory();
        List<DistributedMutex> found = new ArrayList<>();
        for (String name : beans.getBeanNamesForType(DistributedMutex.class, false, false)) {
            if (beans.containsSingleton(name)) {
                found.add(beans.getBean(name, DistributedMutex.class));
            }
        }
        return found;
    }

    private static void close(DistributedMutex mutex, Duration patience) {
        List<MutexStatus.Held> held = mutex.status().held();
        if (!held.isEmpty()) {
            log.info(
                    "waiting up to {} for {} locks that are held: {}",
                    Messages.about(patience),
                    held.size(),
                    held.stream()
                            .limit(10)
                            .map(each -> Messages.shown(each.key()))
                            .collect(Collectors.joining(", ")));
        }
        mutex.close(patience);
    }
}
