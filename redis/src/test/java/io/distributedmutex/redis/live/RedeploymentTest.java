package io.distributedmutex.redis.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.LeavesNothing;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.management.ObjectName;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An application that a container starts and stops again and again, on threads of the container's, which live on. */
@WithRedis
@LeavesNothing(warnings = {"LOST (lost|held|locked|adapted) \\((REVOKED|CLOSED)", "FORCED release"})
@Tag("deep")
class RedeploymentTest {

    private static final int TIMES = 6;

    private final EmbeddedRedis redis;

    private final ExecutorService container = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "container");
        thread.setDaemon(true);
        return thread;
    });

    RedeploymentTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @AfterEach
    void stop() {
        container.shutdown();
    }

    @Test
    void anApplicationWithALibraryOfItsOwnLeavesNothing() throws Exception {
        FlightRecorder.getFlightRecorder(); // From now on each class of events is known to it.
        List<String> before = eventTypes();
        leavesNothing(() -> new URLClassLoader(classPath(), ClassLoader.getPlatformClassLoader()));
        Await.until("classes of events to be forgotten", () -> {
            System.gc();
            List<String> more = eventTypes();
            before.forEach(more::remove);
            return more.isEmpty();
        });
    }

    @Test
    void anApplicationWithTheContainersLibraryLeavesNothing() throws Exception {
        useLibrary();
        leavesNothing(this::loaderBelowTheLibrary);
    }

    @Test
    void whatAllApplicationsShareDoesNotKeepTheOneThatMadeIt() throws Exception {
        useLibrary();
        AtomicReference<DistributedMutex> shared = new AtomicReference<>();
        WeakReference<ClassLoader> loader = inContainer(
                this::loaderBelowTheLibrary,
                RedeployedApplication.First.class,
                application -> shared.set(first(application)));
        try (DistributedMutex mutex = shared.get()) {
            awaitCollected(List.of(loader));
            mutex.acquire("shared").close();
        }
    }

    /** Netty keeps the stack of its first use in a process, so that has to be the container's. */
    private void useLibrary() {
        new RedeployedApplication().accept(redis.uri());
    }

    private void leavesNothing(Loaders loaders) throws Exception {
        Set<Thread> threads = threads();
        Set<ObjectName> beans = beans();
        List<WeakReference<ClassLoader>> applications = new ArrayList<>();
        for (int i = 0; i < TIMES; i++) {
            applications.add(inContainer(loaders, RedeployedApplication.class, this::startAndStop));
        }
        Await.until("threads to end", () -> threads.containsAll(threads()));
        awaitCollected(applications);
        assertThat(beans).containsAll(beans());
    }

    private static void awaitCollected(List<WeakReference<ClassLoader>> loaders) {
        Await.until("class loaders to be collected", () -> {
            System.gc();
            return loaders.stream().allMatch(loader -> loader.get() == null);
        });
    }

    @SuppressWarnings("unchecked")
    private void startAndStop(Object application) {
        ((Consumer<String>) application).accept(redis.uri());
    }

    @SuppressWarnings("unchecked")
    private DistributedMutex first(Object application) {
        return ((Function<String, DistributedMutex>) application).apply(redis.uri());
    }

    private interface Loaders {
        URLClassLoader make() throws IOException;
    }

    /** Only the application itself is of this one. */
    private URLClassLoader loaderBelowTheLibrary() throws IOException {
        return new URLClassLoader(classPath(), getClass().getClassLoader()) {
            @Override
            protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                boolean own = name.startsWith(RedeployedApplication.class.getName());
                Class<?> loaded = own ? findLoadedClass(name) : super.loadClass(name, resolve);
                return loaded == null ? findClass(name) : loaded;
            }
        };
    }

    /** Does something with an application on the container's thread, and drops its class loader, which is returned. */
    private WeakReference<ClassLoader> inContainer(Loaders loaders, Class<?> type, Consumer<Object> task)
            throws Exception {
        return container
                .submit(() -> {
                    Thread thread = Thread.currentThread();
                    ClassLoader before = thread.getContextClassLoader();
                    try (URLClassLoader loader = loaders.make()) {
                        thread.setContextClassLoader(loader);
                        Class<?> application = loader.loadClass(type.getName());
                        assertThat(application.getClassLoader()).isSameAs(loader);
                        task.accept(application.getDeclaredConstructor().newInstance());
                        return new WeakReference<ClassLoader>(loader);
                    } finally {
                        thread.setContextClassLoader(before);
                    }
                })
                .get(60, TimeUnit.SECONDS);
    }

    private static URL[] classPath() throws IOException {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            urls.add(Path.of(entry).toUri().toURL());
        }
        return urls.toArray(new URL[0]);
    }

    private static Set<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("dmutex-"))
                .collect(Collectors.toSet());
    }

    private static Set<ObjectName> beans() {
        return ManagementFactory.getPlatformMBeanServer().queryNames(null, null);
    }

    private static List<String> eventTypes() {
        return FlightRecorder.getFlightRecorder().getEventTypes().stream()
                .map(EventType::getName)
                .filter(name -> !name.startsWith("jdk."))
                .collect(Collectors.toCollection(ArrayList::new));
    }
}
