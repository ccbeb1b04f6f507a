package io.distributedmutex.testkit.server;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * The folder of one server, readable by its owner only: its configuration, its log, and a folder of data files.
 *
 * @param path the folder, below {@code java.io.tmpdir}
 */
record ServerFolder(Path path) {

    private static final int TAIL_BYTES = 64 * 1024;

    static ServerFolder create() {
        try {
            ServerFolder folder = new ServerFolder(Files.createTempDirectory("dmutex-redis-"));
            ExitCleanup.watch(folder);
            Files.createDirectory(folder.data());
            return folder;
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot create a folder for an embedded Redis", failure);
        }
    }

    Path configuration() {
        return path.resolve("redis.conf");
    }

    Path log() {
        return path.resolve("redis.log");
    }

    Path data() {
        return path.resolve("data");
    }

    boolean hasConfiguration() {
        return Files.exists(configuration());
    }

    void writeConfiguration(String text) {
        try {
            Files.writeString(configuration(), text);
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot write " + configuration(), failure);
        }
    }

    /** Deletes the data files, and leaves an empty data folder. */
    void deleteData() {
        try {
            deleteTree(data());
            Files.createDirectory(data());
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot empty " + data(), failure);
        }
    }

    /** Deletes the folder and all in it; a folder that is gone already is fine. */
    void delete() {
        ExitCleanup.forget(this);
        try {
            deleteTree(path);
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot delete " + path, failure);
        }
    }

    long logSize() {
        try {
            return Files.exists(log()) ? Files.size(log()) : 0;
        } catch (IOException unreadable) {
            return 0;
        }
    }

    /** Returns the log from the offset on, but not more than its last 64 KiB; empty if there is none. */
    String logTail(long offset) {
        // Not a FileChannel, which an interrupted thread cannot read.
        try (RandomAccessFile file = new RandomAccessFile(log().toFile(), "r")) {
            long size = file.length();
            long start = Math.max(offset, size - TAIL_BYTES);
            byte[] tail = new byte[(int) Math.max(0, size - start)];
            file.seek(start);
            file.readFully(tail);
            return new String(tail, StandardCharsets.UTF_8);
        } catch (IOException unreadable) {
            return "";
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        Files.walkFileTree(root, new TreeDeletion());
    }

    /** Deletes what it visits; what vanishes meanwhile (a server renames and deletes its own files) is fine. */
    private static final class TreeDeletion extends SimpleFileVisitor<Path> {

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
            if (failure instanceof NoSuchFileException) {
                return FileVisitResult.CONTINUE;
            }
            throw failure;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
            if (failure != null) {
                throw failure;
            }
            Files.deleteIfExists(folder);
            return FileVisitResult.CONTINUE;
        }
    }
}
