package io.distributedmutex.lab.output;

import java.io.IOException;
import java.io.Writer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The folder that a run has for itself: what its workers share, their logs, and what is left for the user. */
public final class OutputFolder implements AutoCloseable {

    private static final String LOCK = ".lock";

    private final Path path;
    private final String files;
    private final FileChannel channel;

    private OutputFolder(Path path, String files, FileChannel channel) {
        this.path = path;
        this.files = files;
        this.channel = channel;
    }

    /**
     * Opens a folder and empties it of what an earlier run has left.
     *
     * @param wanted which; null for the usual one in the current folder, or a temporary one if that cannot be written or
     *     another run has it
     * @param usual the name of the usual one
     * @param files a pattern of what a run writes, which is deleted before the next
     * @throws IOException if the wanted one cannot be written, or another run has it
     */
    public static OutputFolder open(@Nullable Path wanted, String usual, String files) throws IOException {
        if (wanted != null) {
            return openExactly(wanted, files);
        }
        try {
            return openExactly(Path.of(usual), files);
        } catch (IOException e) {
            return openExactly(Files.createTempDirectory(usual + "-"), files);
        }
    }

    private static OutputFolder openExactly(Path path, String files) throws IOException {
        Files.createDirectories(path);
        FileChannel channel = FileChannel.open(path.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        OutputFolder folder = new OutputFolder(path.toAbsolutePath().normalize(), files, channel);
        boolean ready = false;
        try {
            if (tryLock(channel) == null) {
                throw new IOException("another run is writing to " + folder.path);
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
    public Path path() {
        return path;
    }

    public Path write(String file, String text) throws IOException {
        return Files.writeString(path.resolve(file), text);
    }

    /** For what is too long to be held as one text. */
    public Writer writer(String file) throws IOException {
        return Files.newBufferedWriter(path.resolve(file));
    }

    private void delete(FileFilter which) throws IOException {
        List<Path> ours;
        try (Stream<Path> all = Files.list(path)) {
            ours = all.filter(file -> file.getFileName().toString().matches(files))
                    .toList();
        }
        for (Path file : ours) {
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
