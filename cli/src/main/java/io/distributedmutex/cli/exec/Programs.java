package io.distributedmutex.cli.exec;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Finds programs as a shell does. */
final class Programs {

    private static final String DEFAULT_PATH = "/usr/bin:/bin";

    private Programs() {}

    /** The file that a name on the command line stands for, if it can be executed. */
    static Optional<Path> find(String name) {
        return candidates(name).filter(Files::isExecutable).findFirst();
    }

    /** Whether there is at least a file, that cannot be executed. */
    static boolean isThere(String name) {
        return candidates(name).findFirst().isPresent();
    }

    private static Stream<Path> candidates(String name) {
        List<Path> files = new ArrayList<>();
        try {
            if (name.indexOf('/') >= 0) {
                files.add(Path.of(name));
            } else if (!name.isEmpty()) {
                String path = System.getenv("PATH");
                for (String folder : (path == null ? DEFAULT_PATH : path).split(File.pathSeparator, -1)) {
                    files.add(Path.of(folder, name));
                }
            }
        } catch (InvalidPathException e) {
            return Stream.empty();
        }
        return files.stream().filter(file -> Files.exists(file) && !Files.isDirectory(file));
    }
}
