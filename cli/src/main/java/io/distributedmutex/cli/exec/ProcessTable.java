package io.distributedmutex.cli.exec;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongPredicate;

/** All processes of this system with their groups and sessions, which Java does not know. */
final class ProcessTable {

    /**
     * A process.
     *
     * @param pid its id
     * @param group the id of its process group
     * @param session the id of its session; where the system does not tell, that of its process group
     * @param ended whether it has ended, and its parent has not asked how: in a container nobody may ever ask
     */
    record Row(long pid, long group, long session, boolean ended) {}

    /** The group and the session of a process that has ended while we read. */
    private static final long UNKNOWN = -1;

    /** How often the table is read until nobody ends meanwhile, as on a busy machine somebody always does. */
    private static final int READS = 20;

    private static final Path PROC = Path.of("/proc");

    /** Only Linux has it. */
    private static final boolean IS_THERE = Files.isReadable(PROC.resolve("self/stat"));

    private ProcessTable() {}

    /**
     * The processes of a session that run, and that a test lets pass. If it finds none, there are none: who ends while we
     * read may have started one that we do not see, so the table is read again then.
     *
     * @throws IOException if the system tells nothing
     */
    static List<Row> running(long session, LongPredicate test) throws IOException {
        List<Row> running = new ArrayList<>();
        Set<Long> ended = new HashSet<>();
        boolean again = true;
        for (int reads = 0; again && running.isEmpty() && reads < READS; reads++) {
            again = false;
            for (Row row : read()) {
                if (row.ended()) {
                    again |= (row.session() == session || row.session() == UNKNOWN) && ended.add(row.pid());
                } else if (row.session() == session && test.test(row.pid())) {
                    running.add(row);
                }
            }
        }
        return running;
    }

    /**
     * Reads the table. Whatever begins meanwhile may be missing.
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
                long pid = Long.parseLong(process.getFileName().toString());
                rows.add(row(pid).orElse(new Row(pid, UNKNOWN, UNKNOWN, true)));
            }
        }
        return rows;
    }

    /** Whether a process runs. Java takes one that has ended, but whose parent has not asked how, for alive. */
    static boolean isRunning(ProcessHandle process) {
        return process.isAlive()
                && (!IS_THERE || row(process.pid()).filter(row -> !row.ended()).isPresent());
    }

    /** The id of our session; 0 where the system does not tell. */
    static long ownSession() {
        return row(ProcessHandle.current().pid()).map(Row::session).orElse(0L);
    }

    /** Those of our session that run and have something in their environment; known on Linux alone. */
    static List<ProcessHandle> ofOwnSession(String mark) {
        if (!IS_THERE) {
            return List.of();
        }
        try {
            return running(ownSession(), pid -> hasInEnvironment(pid, mark)).stream()
                    .flatMap(row -> ProcessHandle.of(row.pid()).stream())
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    private static boolean hasInEnvironment(long pid, String mark) {
        try {
            byte[] environment = Files.readAllBytes(file(pid, "environ"));
            return List.of(new String(environment, StandardCharsets.ISO_8859_1).split("\0", -1))
                    .contains(mark);
        } catch (IOException e) {
            // It has ended, or belongs to somebody else.
            return false;
        }
    }

    private static Optional<Row> row(long pid) {
        try {
            // proc(5): after the name in brackets, which may hold anything, follow state, ppid, pgrp, session
            String status = Files.readString(file(pid, "stat"), StandardCharsets.ISO_8859_1);
            String[] fields = status.substring(status.lastIndexOf(')') + 2).split(" ", 5);
            return Optional.of(new Row(pid, Long.parseLong(fields[2]), Long.parseLong(fields[3]), hasEnded(fields[0])));
        } catch (IOException | RuntimeException e) {
            // It has ended while we read.
            return Optional.empty();
        }
    }

    private static Path file(long pid, String name) {
        return PROC.resolve(Long.toString(pid)).resolve(name);
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
                if (fields.length == 3) {
                    long group = Long.parseLong(fields[1]);
                    rows.add(new Row(Long.parseLong(fields[0]), group, group, hasEnded(fields[2])));
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
