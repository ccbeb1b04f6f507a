package io.distributedmutex.lab.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** The file that says which jobs are done: a line for each, {@code 7 by worker 2}. */
final class JobLog {

    private final Path file;

    JobLog(Path file) {
        this.file = file;
    }

    boolean contains(int job) throws IOException {
        return jobs().contains(job);
    }

    /** Appends a line by one write, so that it is there or not if the writer is killed. */
    void add(int job, int worker) throws IOException {
        Files.write(
                file,
                (job + " by worker " + worker + "\n").getBytes(StandardCharsets.US_ASCII),
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }

    /** The numbers of the jobs done, in the order they were done. */
    List<Integer> jobs() throws IOException {
        try {
            return Files.readAllLines(file, StandardCharsets.US_ASCII).stream()
                    .map(line -> Integer.valueOf(line.substring(0, line.indexOf(' '))))
                    .toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }
}
