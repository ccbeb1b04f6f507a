package io.distributedmutex.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@link Worker} as whoever gives it orders sees it. Not thread-safe. */
final class WorkerLink implements AutoCloseable {

    /** All subjects get the same flags; the collector is the one that does not compete for the two cores. */
    private static final List<String> JAVA_FLAGS = List.of("-Xmx1g", "-XX:+UseSerialGC", "-Xshare:auto");

    private final String name;
    private final Process process;
    private final BufferedReader answers;

    private WorkerLink(String name, Process process) {
        this.name = name;
        this.process = process;
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    static WorkerLink start(String uri, Worker.Job job, Subject subject, Path board, int... numbers)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JAVA_FLAGS);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Worker.class.getName()));
        command.addAll(List.of(job.name(), subject.label(), board.toString()));
        for (int number : numbers) {
            command.add(Integer.toString(number));
        }
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put(Worker.URI, uri);
        return new WorkerLink(job + " of " + subject, builder.start());
    }

    void tell(String order) throws IOException {
        OutputStream orders = process.getOutputStream();
        orders.write((order + "\n").getBytes(StandardCharsets.UTF_8));
        orders.flush();
    }

    /** Waits for the next line. A worker that has ended has failed. */
    String hear() throws IOException {
        String line = answers.readLine();
        if (line == null) {
            throw new IOException("the worker '" + name + "' ended before it was told to");
        }
        return line;
    }

    /** Waits for a line {@code NAME VALUE}. */
    double hear(String expected) throws IOException {
        return Double.parseDouble(hearText(expected));
    }

    String hearText(String expected) throws IOException {
        String line = hear();
        if (!line.startsWith(expected + " ")) {
            throw new IOException("the worker '" + name + "' said '" + line + "' where " + expected + " was expected");
        }
        return line.substring(expected.length() + 1);
    }

    void kill() {
        process.destroyForcibly();
    }

    /** Ends it, by force if it does not end by itself in 10 s. */
    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                process.waitFor(10, TimeUnit.SECONDS);
            }
        } catch (IOException e) {
            process.destroyForcibly();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    static void closeAll(List<WorkerLink> workers) {
        workers.forEach(WorkerLink::close);
    }
}
