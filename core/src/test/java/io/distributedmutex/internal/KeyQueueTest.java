package io.distributedmutex.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.spi.Environment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** What other threads see of a key while its grant is being taken in. */
class KeyQueueTest {

    private static final String KEY = "k";

    /** Deadlock detection asks for the owner without the monitor, whenever it likes. */
    @Test
    void theOwnerCanBeAskedForAtAnyMomentOfAGrant() throws InterruptedException {
        ObservedEnvironment environment = new ObservedEnvironment();
        Engine engine = new Engine(new GrantingStore(), environment, "test", null);
        List<Throwable> failures = new CopyOnWriteArrayList<>();
        List<Thread> questions = new CopyOnWriteArrayList<>();
        environment.observer = () -> {
            KeyQueue queue = engine.queue(KEY);
            if (queue != null) {
                Thread question = new Thread(queue::owner);
                question.setUncaughtExceptionHandler((thread, failure) -> failures.add(failure));
                questions.add(question);
                question.start();
                // Long enough for an answer; not for ever, as it may have to wait for the monitor that we have.
                join(question, 100);
            }
        };
        Lease lease = engine.acquire(KEY, LockOptions.defaults());
        environment.observer = () -> {};
        for (Thread question : questions) {
            question.join();
        }
        assertThat(questions).as("times when the owner was asked for").isNotEmpty();
        assertThat(failures).isEmpty();
        assertThat(engine.queue(KEY).owner()).isSameAs(Thread.currentThread());
        lease.close();
        assertThat(engine.queue(KEY)).as("a queue with nothing in it").isNull();
        engine.close();
    }

    private static void join(Thread thread, long millis) {
        try {
            thread.join(millis);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** The real one, but the test has its hand in whenever somebody reads the clock: also in the middle of a grant. */
    private static final class ObservedEnvironment implements Environment {
        private final SystemEnvironment system = new SystemEnvironment();
        private final ThreadLocal<Boolean> observing = ThreadLocal.withInitial(() -> false);
        volatile Runnable observer = () -> {};

        @Override
        public long nanoTime() {
            if (!observing.get()) {
                observing.set(true);
                try {
                    observer.run();
                } finally {
                    observing.set(false);
                }
            }
            return system.nanoTime();
        }

        @Override
        public Timer schedule(Runnable task, long delayNanos) {
            return system.schedule(task, delayNanos);
        }

        @Override
        public void execute(Runnable callback) {
            system.execute(callback);
        }

        @Override
        public void park(Object blocker, long nanos) {
            system.park(blocker, nanos);
        }

        @Override
        public String newToken() {
            return system.newToken();
        }

        @Override
        public void close() {
            system.close();
        }
    }
}
