package io.distributedmutex.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** All processes of this system with the groups and sessions that they are in, of which Java tells nothing. */
final class ProcessTable {

    /**
     * A process that runs.
     *
     * @param pid its id
     * @param group the id of its process group
     * @param session the id of its session; where the system does not tell, that of its process group
     */
    record Row(long pid, long group, long session) {}

    private static final Path PROC = Path.of("/proc");

    /** Only Linux has it. */
    private static final boolean IS_THERE = Files.isReadable(PROC.resolve("self/stat"));

    private ProcessTable() {}

    /**
     * Reads the table. Whatever begins or ends meanwhile may be missing. Processes that have ended, and whose parent has
     * not asked how, are left out: in a container nobody may ever ask.
     *
     * @throws IOException if the system tells nothing
     */
    static List<Row> read() throws IOException {
        return IS_THERE ? ofProc() : ofPs();
    }

    /** As Linux tells it. */
    static List<Row> ofProc() throws IOException {
        List<Row> rows = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                row(process).ifPresent(rows::add);
            }
        }
        return rows;
    }

    /** Whether a process runs. Java takes one that has ended, but whose parent has not asked how, for alive. */
    static boolean isRunning(ProcessHandle process) {
        return process.isAlive()
                && (!IS_THERE || row(PROC.resolve(Long.toString(process.pid()))).isPresent());
    }

    private static Optional<Row> row(Path process) {
        try {
            // proc(5): after the name in brackets, which may hold anything, follow state, ppid, pgrp, session
            String status = Files.readString(process.resolve("stat"), StandardCharsets.ISO_8859_1);
            String[] fields = status.substring(status.lastIndexOf(')') + 2).split(" ", 5);
            return hasEnded(fields[0])
                    ? Optional.empty()
                    : Optional.of(new Row(
                            Long.parseLong(process.getFileName().toString()),
                            Long.parseLong(fields[2]),
                            Long.parseLong(fields[3])));
        } catch (IOException | RuntimeException e) {
            // It has ended while we read.
            return Optional.empty();
        }
    }

    /** As other systems tell it, by the one tool that all of them have. */
    static List<Row> ofPs() throws IOException {
        List<Row> rows = new ArrayList<>();
        Process ps = new ProcessBuilder("ps", "-A", "-o", "pid=", "-o", "pgid=", "-o", "stat=")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (BufferedReader lines = ps.inputReader(StandardCharsets.ISO_8859_1)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.strip().split(" +", 3);
                if (fields.length == 3 && !hasEnded(fields[2])) {
                    long group = Long.parseLong(fields[1]);
                    rows.add(new Row(Long.parseLong(fields[0]), group, group));
                }
            }
        } catch (NumberFormatException e) {
            throw new IOException("ps speaks another language", e);
        }
        return rows;
    }

    /** Z: a zombie. X: gone. */
    private static boolean hasEnded(String state) {
        return state.startsWith("Z") || state.startsWith("X");
    }
}
