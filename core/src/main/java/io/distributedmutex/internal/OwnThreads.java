package io.distributedmutex.internal;

import java.security.AccessController;
import java.security.PrivilegedAction;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * Makes daemon threads that have nothing of the thread by which they happen to be made: no inheritable thread-locals, not
 * its context class loader, its priority or its access control context. Else a callback would run with one tenant's identity
 * for another, and a web application's classes would live as long as the thread.
 *
 * <p>Their context class loader is the one that has loaded this library.
 */
final class OwnThreads {

    /**
     * The first JDK whose virtual threads let go of their carrier also in a synchronized block (JEP 491). Before, as many
     * callbacks as there are processors could stop all virtual threads of the process.
     */
    private static final int FIRST_WITH_VIRTUAL_THREADS = 24;

    private OwnThreads() {}

    /** A thread of the platform, yet to be started. */
    // Removal: as long as threads keep an access control context, it keeps the caller's classes. The priority is the
    // default.
    @SuppressWarnings({"removal", "ThreadPriorityCheck"})
    static Thread platform(Runnable body, String name) {
        return AccessController.doPrivileged((PrivilegedAction<Thread>) () -> {
            Thread thread = new Thread(null, body, name, 0, false);
            thread.setDaemon(true);
            thread.setPriority(Thread.NORM_PRIORITY);
            return withOurLoader(thread);
        });
    }

    /** What makes virtual threads, yet to be started; null where the JDK has none that are fit for callbacks. */
    static @Nullable ThreadFactory virtual(String namePrefix) {
        if (Runtime.version().feature() < FIRST_WITH_VIRTUAL_THREADS) {
            return null;
        }
        try {
            Class<?> builder = Class.forName("java.lang.Thread$Builder$OfVirtual");
            Object virtual = Thread.class.getMethod("ofVirtual").invoke(null);
            builder.getMethod("name", String.class, long.class).invoke(virtual, namePrefix, 1L);
            builder.getMethod("inheritInheritableThreadLocals", boolean.class).invoke(virtual, false);
            ThreadFactory factory = (ThreadFactory) builder.getMethod("factory").invoke(virtual);
            return body -> withOurLoader(factory.newThread(body));
        } catch (ReflectiveOperationException | RuntimeException | LinkageError e) {
            return null;
        }
    }

    private static Thread withOurLoader(Thread thread) {
        thread.setContextClassLoader(OwnThreads.class.getClassLoader());
        return thread;
    }
}
