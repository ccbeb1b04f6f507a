package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.Loopback;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All that is needed to start one server again and again on its port and in its folder, until it answers.
 *
 * @param port the port, free or hoped to be
 */
record ServerLaunch(RedisExecutable executable, RedisConfiguration configuration, int port, ServerFolder folder) {

    private static final Duration START_BOUND = Duration.ofSeconds(20);
    private static final Duration ANSWER_BOUND = Duration.ofSeconds(1);
    private static final Duration POLL_INTERVAL = Duration.ofMillis(5);
    private static final String TAKEN = "Address already in use";

    /**
     * Starts a process and returns it when it answers.
     *
     * @throws PortTakenException if the server ended because it could not bind its port
     * @throws EmbeddedRedisException if it ended for another reason, does not answer within 20 s, or this thread is
     *     interrupted (the flag is kept); no process is left behind
     */
    RedisProcess start() {
        if (configuration.role() == RedisConfiguration.Role.SERVER || !folder.hasConfiguration()) {
            folder.writeConfiguration(configuration.text(executable, port, folder));
        }
        long logStart = folder.logSize();
        RedisProcess process = RedisProcess.launch(command(), folder.path(), folder.log());
        await(process, logStart, "answer", () -> isReady(process));
        return process;
    }

    /** Waits until the replica has the data of its primary; fails as {@link #start} does. */
    void awaitSynchronised(RedisProcess process) {
        await(
                process,
                folder.logSize(),
                "synchronise with its primary",
                () -> "up".equals(information("replication", "master_link_status")));
    }

    /** A question to the server that fails with an {@link IOException} or an error reply until the server is ready. */
    @FunctionalInterface
    private interface Condition {
        boolean holds() throws IOException;
    }

    private void await(RedisProcess process, long logStart, String what, Condition condition) {
        long deadline = System.nanoTime() + START_BOUND.toNanos();
        String last = "no answer";
        try {
            while (System.nanoTime() - deadline < 0) {
                if (process.awaitExit(POLL_INTERVAL)) {
                    throw ended(process, logStart);
                }
                try {
                    if (condition.holds()) {
                        return;
                    }
                } catch (IOException | EmbeddedRedisException notYet) {
                    last = String.valueOf(notYet.getMessage());
                }
            }
        } catch (InterruptedException interrupt) {
            process.kill();
            Thread.currentThread().interrupt();
            throw new EmbeddedRedisException("interrupted while waiting for " + this + " to " + what, interrupt);
        }
        process.kill();
        throw new EmbeddedRedisException(this + " did not " + what + " within " + START_BOUND.toMillis() + " ms (last: "
                + last + ")" + details(logStart));
    }

    /**
     * Returns whether the server answers, and is the one just started: if that one is about to end because its port is
     * taken, it is the port's owner that answers.
     */
    private boolean isReady(RedisProcess process) throws IOException {
        return "PONG".equals(ask("PING")) && Long.toString(process.pid()).equals(information("server", "process_id"));
    }

    private @Nullable String information(String section, String field) throws IOException {
        String prefix = field + ":";
        Optional<String> line = String.valueOf(ask("INFO", section))
                .lines()
                .filter(candidate -> candidate.startsWith(prefix))
                .findFirst();
        return line.map(found -> found.substring(prefix.length())).orElse(null);
    }

    private @Nullable Object ask(String... words) throws IOException {
        return RespConnection.ask(port, configuration.password(), ANSWER_BOUND, List.of(words));
    }

    private EmbeddedRedisException ended(RedisProcess process, long logStart) {
        if (folder.logTail(logStart).contains(TAKEN)) {
            return new PortTakenException(
                    this + " could not be started: the port is already in use" + details(logStart));
        }
        return new EmbeddedRedisException(
                this + " could not be started: it ended with exit code " + process.exitCode() + details(logStart));
    }

    private String details(long logStart) {
        String log = configuration.redacted(folder.logTail(logStart)).strip();
        return "\ncommand: " + String.join(" ", command()) + "\nlog: " + (log.isEmpty() ? "(empty)" : "\n" + log);
    }

    private List<String> command() {
        List<String> command =
                List.of(executable.path().toString(), folder.configuration().toString());
        if (configuration.role() != RedisConfiguration.Role.SENTINEL) {
            return command;
        }
        return Stream.concat(command.stream(), Stream.of("--sentinel")).toList();
    }

    /** Returns for instance {@code redis 6.2.11 on 127.0.0.1:12345}. */
    @Override
    public String toString() {
        return executable + " on " + Loopback.HOST + ":" + port;
    }
}
