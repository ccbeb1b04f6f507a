package io.distributedmutex.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** One run: every case with every subject, round by round, so that what the machine does meanwhile hits all alike. */
final class BenchRun {

    private final Server server;
    private final long millis;
    private final Path boardFile;

    /**
     * Prepares a run.
     *
     * @param server the Redis of all
     * @param millis how long each measurement lasts, and as long before it counts
     * @param boardFile a file for the {@link Board} of each measurement
     */
    BenchRun(Server server, long millis, Path boardFile) {
        this.server = server;
        this.millis = millis;
        this.boardFile = boardFile;
    }

    Server server() {
        return server;
    }

    long millis() {
        return millis;
    }

    /** What the workers of this measurement share. */
    Board board() {
        return Board.open(boardFile);
    }

    /** Starts a worker of this measurement, with the numbers that its job wants. */
    WorkerLink start(Worker.Job job, Subject subject, int... numbers) throws IOException {
        return start(server.uri(), job, subject, numbers);
    }

    /** The same on another Redis than that of all. */
    WorkerLink start(String uri, Worker.Job job, Subject subject, int... numbers) throws IOException {
        return WorkerLink.start(uri, job, subject, boardFile, numbers);
    }

    /**
     * Measures.
     *
     * @return false if a subject let two hold a key at once, or failed
     */
    boolean measure(List<BenchCase> cases, List<Subject> subjects, int rounds, Results results, PrintStream progress) {
        boolean sound = true;
        for (BenchCase situation : cases) {
            try {
                for (int round = 1; round <= rounds; round++) {
                    // Each round begins with another subject: none is always the first, or always behind the same one.
                    for (int i = 0; i < subjects.size(); i++) {
                        Subject subject = subjects.get((i + round - 1) % subjects.size());
                        if (situation.suits(subject)) {
                            sound &= measureOnce(situation, subject, round, results, progress);
                        }
                    }
                }
            } finally {
                situation.end();
            }
        }
        return sound;
    }

    private boolean measureOnce(
            BenchCase situation, Subject subject, int round, Results results, PrintStream progress) {
        server.clear();
        StringBuilder line =
                new StringBuilder(String.format("%-20s %-16s round %d:", situation.name(), subject.label(), round));
        boolean[] sound = {true};
        try {
            // As if it were new: what the one before left on it is gone.
            Files.deleteIfExists(boardFile);
            situation.run(subject, this, (metric, value) -> {
                results.add(situation.name(), subject, round, metric, value);
                line.append(String.format("  %s %s", metric, Results.number(value)));
                if (metric.equals("violations") && value != 0) {
                    sound[0] = false;
                }
            });
        } catch (Exception e) {
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            line.append("  FAILED: ").append(e);
            sound[0] = false;
        }
        progress.println(line);
        return sound[0];
    }
}
