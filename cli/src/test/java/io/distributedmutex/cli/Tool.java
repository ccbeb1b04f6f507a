package io.distributedmutex.cli;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testing.CommandLineTool.Result;
import io.distributedmutex.testing.CommandLineTool.Running;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Runs the tool of this module. */
public final class Tool {

    private static final CommandLineTool TOOL = new CommandLineTool(
            Main.class, (out, err, arguments) -> Main.commandLine(out, err).execute(arguments));

    /** A lease that a machine that stalls for a second or two does not lose, and whose loss is noticed within a third of it. */
    public static final String SHORT_LEASE = "6s";

    /** A process that has just begun takes long for its first requests where the machine is busy. */
    public static final String TIMEOUT = "--timeout=30s";

    private Tool() {}

    /** A mutex of a test's own, with the same patience. */
    public static DistributedMutex connect(String uri) {
        return RedisMutex.builder()
                .uri(uri)
                .holderLabel("tester")
                .commandTimeout(Duration.ofSeconds(30))
                .connect();
    }

    /** The arguments of a command on a server, with time for its requests. */
    public static String[] on(String uri, String command, String... arguments) {
        return Stream.concat(Stream.of(command, "--redis=" + uri, TIMEOUT), Stream.of(arguments))
                .toArray(String[]::new);
    }

    public static Result run(String... arguments) {
        return TOOL.run(arguments);
    }

    public static Running start(Path directory, String... arguments) throws IOException {
        return TOOL.start(directory, Map.of(), arguments);
    }

    public static Running start(Path directory, Map<String, String> environment, String... arguments)
            throws IOException {
        return TOOL.start(directory, environment, arguments);
    }

    public static Running startInShell(Path directory, String script, String... arguments) throws IOException {
        return TOOL.startInShell(directory, script, arguments);
    }

    public static List<String> command(String... arguments) {
        return TOOL.command(arguments);
    }
}
