package io.distributedmutex.cli.console;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The three standard streams, if we were started with some of them closed, as by {@code <&-}. The next file that a process
 * opens gets the number of a closed one: a file of Java's, or a connection, which a command that inherits it would read and
 * write. Known on Linux alone.
 */
public final class StandardStreams {

    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final File NOTHING = new File("/dev/null");

    /** Never closed, and never collected, which would close them. */
    private static final List<InputStream> HELD = new ArrayList<>();

    private StandardStreams() {}

    /** Takes the numbers of closed streams that are still to be had. Call it first of all. */
    public static void claim() {
        if (!Files.isDirectory(DESCRIPTORS)) {
            return;
        }
        for (int descriptor = 0; descriptor <= 2; descriptor++) {
            if (!Files.exists(DESCRIPTORS.resolve(Integer.toString(descriptor)), LinkOption.NOFOLLOW_LINKS)) {
                try {
                    HELD.add(new FileInputStream(NOTHING)); // It gets the smallest number that is free.
                } catch (IOException e) {
                    return;
                }
            }
        }
    }

    /** What a child's standard input is to be: ours, or nothing if ours was closed and is a file of Java's now. */
    public static Redirect input() {
        try {
            Path file = DESCRIPTORS.resolve("0").toRealPath();
            return isJavas(file) ? Redirect.from(NOTHING) : Redirect.INHERIT;
        } catch (IOException e) {
            return Redirect.INHERIT; // A pipe or a terminal, or not on Linux.
        }
    }

    private static boolean isJavas(Path file) throws IOException {
        if (file.startsWith(Path.of(System.getProperty("java.home")).toRealPath())) {
            return true;
        }
        return Arrays.stream(System.getProperty("java.class.path", "").split(File.pathSeparator, -1))
                .anyMatch(entry -> isThat(entry, file));
    }

    private static boolean isThat(String entry, Path file) {
        try {
            return !entry.isEmpty() && Files.isSameFile(Path.of(entry), file);
        } catch (IOException | InvalidPathException e) {
            return false; // It names no file.
        }
    }
}
