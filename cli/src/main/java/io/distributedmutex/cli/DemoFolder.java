package io.distributedmutex.cli;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The folder that a demo has for itself: what its workers share, their logs, and what is left for the user. */
final class DemoFolder implements AutoCloseable {

    private static final Path DEFAULT = Path.of("dmutex-demo");
    private static final String LOCK = ".lock";
    /** What a demo writes; deleted before the next. */
    private static final String OURS =
            "counter(\\.draft-\\d+)?|jobs|history\\.tsv|summary\\.txt|timeline\\.svg|worker-\\d+\\.log";

    private final Path path;
    private final FileChannel channel;

    private DemoFolder(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Opens a folder and empties it of what an earlier demo has left.
     *
     * @param wanted which; null for ./dmutex-demo, or a temporary one if that cannot be written or another demo has it
     * @throws IOException if the wanted one cannot be written, or another demo has it
     */
    static DemoFolder open(@Nullable Path wanted) throws IOException {
        if (wanted != null) {
            return openExactly(wanted);
        }
        try {
            return openExactly(DEFAULT);
        } catch (IOException e) {
            return openExactly(Files.createTempDirectory("dmutex-demo-"));
        }
    }

    private static DemoFolder openExactly(Path path) throws IOException {
        Files.createDirectories(path);
        FileChannel channel = FileChannel.open(path.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        DemoFolder folder = new DemoFolder(path.toAbsolutePath().normalize(), channel);
        boolean ready = false;
        try {
            if (tryLock(channel) == null) {
                throw new IOException("another demo is writing to " + folder.path);
            }
            folder.delete(file -> true);
            ready = true;
            return folder;
        } finally {
            if (!ready) {
                channel.close();
            }
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    /** The folder, absolute. */
    Path path() {
        return path;
    }

    FencedFile counter(int owner) {
        return new FencedFile(path.resolve("counter"), owner);
    }

    JobLog jobs() {
        return new JobLog(path.resolve("jobs"));
    }

    Path write(String file, String text) throws IOException {
        return Files.writeString(path.resolve(file), text);
    }

    private void delete(FileFilter which) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(path)) {
            files = all.filter(file -> file.getFileName().toString().matches(OURS))
                    .toList();
        }
        for (Path file : files) {
            if (which.accepts(file)) {
                Files.delete(file);
            }
        }
    }

    /** Which files. */
    private interface FileFilter {
        boolean accepts(Path file) throws IOException;
    }

    /** Leaves the folder to the user, without empty logs. */
    @Override
    public void close() throws IOException {
        delete(file -> file.toString().endsWith(".log") && Files.size(file) == 0);
        Files.deleteIfExists(path.resolve(LOCK));
        channel.close();
    }
}
