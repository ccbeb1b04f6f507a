package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.UninterruptedWait;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The one shutdown hook of the embedded servers: when the JVM exits, it kills the servers that are still alive and
 * deletes the folders that were not closed. Thread-safe.
 */
final class ExitCleanup {

    private static final Duration DEATH_BOUND = Duration.ofSeconds(2);
    private static final Set<Process> PROCESSES = ConcurrentHashMap.newKeySet();
    private static final Set<ServerFolder> FOLDERS = ConcurrentHashMap.newKeySet();
    private static volatile boolean exiting;

    static {
        try {
            Runtime.getRuntime().addShutdownHook(new Thread(ExitCleanup::run, "dmutex-testkit-exit"));
        } catch (IllegalStateException alreadyExiting) {
            exiting = true;
        }
    }

    private ExitCleanup() {}

    /** Has the process killed when the JVM exits; kills it now, and throws, if the JVM is exiting already. */
    static void watch(Process process) {
        PROCESSES.removeIf(watched -> !watched.isAlive());
        PROCESSES.add(process);
        // Read after the add: either the hook sees the process, or this thread sees that the hook has begun.
        if (exiting) {
            process.destroyForcibly();
            throw new EmbeddedRedisException("the JVM is exiting: no server is started");
        }
    }

    static void watch(ServerFolder folder) {
        FOLDERS.add(folder);
    }

    static void forget(ServerFolder folder) {
        FOLDERS.remove(folder);
    }

    private static void run() {
        exiting = true;
        PROCESSES.forEach(Process::destroyForcibly);
        for (Process process : PROCESSES) {
            boolean dead = UninterruptedWait.atMost(DEATH_BOUND, nanos -> process.waitFor(nanos, TimeUnit.NANOSECONDS));
            if (!dead) {
                break; // SIGKILL was sent; a process stuck in the kernel must not hold up the exit of the JVM.
            }
        }
        for (ServerFolder folder : FOLDERS) {
            try {
                folder.delete();
            } catch (UncheckedIOException undeletable) {
                // A temporary folder stays behind; nobody is left to report it to.
            }
        }
    }
}
