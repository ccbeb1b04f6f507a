package io.distributedmutex.examples.plain;

import io.distributedmutex.DistributedMutex;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;

/** Instances count visits in one file: read, add one, write. Without the lock they would overwrite each other's counts. */
public final class CoordinatedUpdate {

    private static final int VISITS = 50;

    private CoordinatedUpdate() {}

    /** Takes a Redis URI, or nothing to start a Redis for it. */
    public static void main(String[] arguments) throws IOException, InterruptedException, ExecutionException {
        System.out.println("visits counted by 3 instances, 50 each: " + run(arguments));
    }

    static int run(String[] arguments) throws IOException, InterruptedException, ExecutionException {
        Path file = Files.createTempFile("visits", ".txt");
        try {
            Files.writeString(file, "0");
            Instances.run(arguments, mutex -> {
                for (int i = 0; i < VISITS; i++) {
                    addOne(mutex, file);
                }
            });
            return read(file);
        } finally {
            Files.delete(file);
        }
    }

    private static void addOne(DistributedMutex mutex, Path file) {
        mutex.run("visits", lease -> {
            try {
                Files.writeString(file, Integer.toString(read(file) + 1));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    private static int read(Path file) throws IOException {
        return Integer.parseInt(Files.readString(file));
    }
}
