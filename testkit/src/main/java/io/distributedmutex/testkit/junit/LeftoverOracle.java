package io.distributedmutex.testkit.junit;

import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;
import org.slf4j.LoggerFactory;

/** The JUnit extension behind {@link LeavesNothing}, which registers it. Thread-safe: it has no state. */
@SuppressWarnings("exports") // JUnit is optional, so it is not handed on
public final class LeftoverOracle implements BeforeEachCallback, AfterEachCallback {

    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(LeftoverOracle.class);

    private static final Duration PATIENCE = Duration.ofSeconds(2);

    /** Threads of an instance, and of the client that a Redis store makes for itself. */
    private static final Pattern THREADS = Pattern.compile("^dmutex-(timer|callback|redis)-");

    private static final Pattern FENCE = Pattern.compile("^dmutex:\\{[^}]*}:fence$");

    /** Made by JUnit. */
    public LeftoverOracle() {}

    /** Notes what is there before the test. */
    @Override
    public void beforeEach(ExtensionContext context) {
        Set<Thread> threads = Thread.getAllStackTraces().keySet();
        Set<String> channels =
                RedisExtension.serverOf(context).map(LeftoverOracle::channels).orElse(Set.of());
        Optional<LogbackWarnings> warnings = isLogback() ? Optional.of(LogbackWarnings.capture()) : Optional.empty();
        context.getStore(NAMESPACE).put(Before.class, new Before(threads, channels, warnings));
    }

    /** Compares. */
    @Override
    public void afterEach(ExtensionContext context) throws ReflectiveOperationException {
        Before before = context.getStore(NAMESPACE).remove(Before.class, Before.class);
        if (before == null) {
            throw new IllegalStateException("nothing was noted before the test");
        }
        List<String> warnings = before.warnings().map(LogbackWarnings::stop).orElse(List.of());
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        List<String> left = leftovers(context, before);
        while (!left.isEmpty() && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(5_000_000);
            left = leftovers(context, before);
        }
        List<String> all = new ArrayList<>(left);
        unexpected(context, warnings).forEach(line -> all.add("unexpected warning: " + line));
        if (!all.isEmpty()) {
            throw new AssertionError("the test left behind: " + String.join("; ", all));
        }
    }

    private static List<String> leftovers(ExtensionContext context, Before before) throws ReflectiveOperationException {
        List<String> left = new ArrayList<>();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (THREADS.matcher(thread.getName()).find() && !before.threads().contains(thread)) {
                left.add("thread " + thread.getName());
            }
        }
        RedisExtension.serverOf(context).ifPresent(redis -> addRedis(left, redis, before));
        for (Object test : context.getRequiredTestInstances().getAllInstances()) {
            addFields(left, test);
        }
        return left;
    }

    private static void addRedis(List<String> left, EmbeddedRedis redis, Before before) {
        if (!redis.isAlive() || redis.isPaused()) {
            // The test ended it, and what was in it is gone or will be flushed.
            return;
        }
        strings(redis.command("KEYS", "*")).stream()
                .filter(key -> !FENCE.matcher(key).find())
                .forEach(key -> left.add("key " + key));
        channels(redis).stream()
                .filter(channel -> !before.channels().contains(channel))
                .forEach(channel -> left.add("channel " + channel));
    }

    private static void addFields(List<String> left, Object test) throws ReflectiveOperationException {
        for (Class<?> type = test.getClass(); type != null && type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (field.getType() != ManualTime.class && field.getType() != InMemoryLockStore.class) {
                    continue;
                }
                field.setAccessible(true);
                Object value = field.get(test);
                if (value instanceof ManualTime time && time.pendingTimers() > 0) {
                    left.add(time.pendingTimers() + " timers in " + field.getName());
                } else if (value instanceof InMemoryLockStore store
                        && !store.contents().isEmpty()) {
                    left.add(store.contents() + " in " + field.getName());
                }
            }
        }
    }

    private static List<String> unexpected(ExtensionContext context, List<String> warnings) {
        List<Pattern> expected = new ArrayList<>();
        for (Optional<ExtensionContext> at = Optional.of(context);
                at.isPresent();
                at = at.flatMap(ExtensionContext::getParent)) {
            at.flatMap(ExtensionContext::getElement)
                    .flatMap(element -> AnnotationSupport.findAnnotation(element, LeavesNothing.class))
                    .ifPresent(found -> {
                        for (String pattern : found.warnings()) {
                            expected.add(Pattern.compile(pattern));
                        }
                    });
        }
        return warnings.stream()
                .filter(line -> expected.stream()
                        .noneMatch(pattern -> pattern.matcher(line).find()))
                .toList();
    }

    private static Set<String> channels(EmbeddedRedis redis) {
        return redis.isAlive() && !redis.isPaused()
                ? strings(redis.command("PUBSUB", "CHANNELS", "dmutex:*"))
                : Set.of();
    }

    private static Set<String> strings(@Nullable Object reply) {
        return reply instanceof List<?> list
                ? list.stream().map(String::valueOf).collect(Collectors.toCollection(TreeSet::new))
                : Set.of();
    }

    /** Asked by name, because Logback may not be there. */
    private static boolean isLogback() {
        return LoggerFactory.getILoggerFactory().getClass().getName().equals("ch.qos.logback.classic.LoggerContext");
    }

    private record Before(Set<Thread> threads, Set<String> channels, Optional<LogbackWarnings> warnings) {}
}
