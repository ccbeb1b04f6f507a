package io.distributedmutex.spring;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockOptions;
import io.distributedmutex.LossReason;
import io.distributedmutex.MutexListener;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.MapPropertySource;

/** An application context with a mutex, and what a test asks of it. */
final class Application implements AutoCloseable {

    /** What an application writes to have the annotation. */
    @Configuration
    @EnableDistributedLocks
    static class Locks {}

    /** A lease that nobody gives back does not end before a test gives up. */
    private static final LockOptions LONG =
            LockOptions.builder().leaseTime(Duration.ofHours(1)).build();

    final InMemoryLockStore store;
    final DistributedMutex mutex;

    /** A second process. */
    final DistributedMutex other;

    private final Set<String> lostKeys = ConcurrentHashMap.newKeySet();
    private final AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();

    private Application(InMemoryLockStore store) {
        this.store = store;
        this.mutex = DistributedMutex.builder(store)
                .options(LONG)
                .listener(new MutexListener() {
                    @Override
                    public void onLost(Lease lease, LossReason reason) {
                        lostKeys.add(lease.key());
                    }
                })
                .build();
        this.other = DistributedMutex.builder(store.sibling()).options(LONG).build();
    }

    /** With {@link Locks} and these classes besides. */
    static Application of(Class<?>... classes) {
        return of(new InMemoryLockStore(), Map.of(), true, classes);
    }

    static Application of(Map<String, Object> properties, Class<?>... classes) {
        return of(new InMemoryLockStore(), properties, true, classes);
    }

    /** With these classes alone. */
    static Application ofOnly(Class<?>... classes) {
        return of(new InMemoryLockStore(), Map.of(), false, classes);
    }

    static Application of(
            InMemoryLockStore store, Map<String, Object> properties, boolean withLocks, Class<?>... classes) {
        Application application = new Application(store);
        try {
            application.start(properties, withLocks, classes);
        } catch (RuntimeException | Error e) {
            application.close();
            throw e;
        }
        return application;
    }

    private void start(Map<String, Object> properties, boolean withLocks, Class<?>... classes) {
        context.getEnvironment().getPropertySources().addFirst(new MapPropertySource("test", properties));
        context.registerBean(
                "mutex", DistributedMutex.class, () -> mutex, definition -> definition.setDestroyMethodName(""));
        if (withLocks) {
            context.register(Locks.class);
        }
        context.register(classes);
        context.refresh();
    }

    <T> T get(Class<T> type) {
        return context.getBean(type);
    }

    boolean isHeld(String key) {
        return store.contents().heldKeys().contains(key);
    }

    void awaitFree(String key) {
        Await.until("'" + key + "' is free", () -> !isHeld(key));
    }

    /** Whatever the mutex holds is lost when this returns. */
    void loseAll() {
        mutex.close();
    }

    void awaitLoss(String key) {
        Await.until("'" + key + "' is lost", () -> lostKeys.contains(key));
    }

    @Override
    public void close() {
        context.close();
        mutex.close();
        other.close();
    }
}
