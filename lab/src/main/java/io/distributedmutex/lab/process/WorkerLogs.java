package io.distributedmutex.lab.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What worker processes have logged. */
public final class WorkerLogs {

    /** An error, or a line of a stack trace: nothing that a worker survives should be worth either. */
    private static final Pattern COMPLAINT =
            Pattern.compile("\\bERROR\\b|^\\s+at [\\w.$/]+\\(|^Exception in thread|^Caused by: |OutOfMemoryError|^#");

    private static final int MOST = 100;

    private WorkerLogs() {}

    /** The lines that should not be there, each with its file; at most 100. */
    public static List<String> complaints(Path directory) throws IOException {
        List<Path> logs;
        try (Stream<Path> files = Files.list(directory)) {
            logs = files.filter(file -> file.getFileName().toString().matches("worker-\\d+\\.log"))
                    .sorted()
                    .toList();
        }
        List<String> complaints = new ArrayList<>();
        for (Path log : logs) {
            try (Stream<String> lines = Files.lines(log)) {
                lines.filter(line -> COMPLAINT.matcher(line).find())
                        .limit(MOST - complaints.size())
                        .forEach(line -> complaints.add(log.getFileName() + ": " + line));
            }
        }
        return complaints;
    }
}
