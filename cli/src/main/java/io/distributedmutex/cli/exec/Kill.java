package io.distributedmutex.cli.exec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Sends signals, of which Java itself knows two. */
final class Kill {

    private static final long PATIENCE_SECONDS = 5;

    private Kill() {}

    /**
     * Sends a signal to processes and, by a minus before them, process groups. By the shell's own kill, since /bin/kill is
     * missing on slim images; in the one form that dash, bash and busybox all take. It is sent when this returns.
     *
     * @return whether there was a shell, and all of the targets were there
     */
    static boolean send(String signal, Collection<String> targets) {
        if (targets.isEmpty()) {
            return true;
        }
        List<String> command = new ArrayList<>(List.of("sh", "-c", "kill -\"$0\" \"$@\"", signal));
        command.addAll(targets);
        try {
            Process kill = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return kill.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) && kill.exitValue() == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    /** Sends a signal to a process, without a shell if it is one of the two. */
    static void send(String signal, ProcessHandle process) {
        switch (signal) {
            case "TERM" -> process.destroy();
            case "KILL" -> process.destroyForcibly();
            default -> send(signal, List.of(Long.toString(process.pid())));
        }
    }
}
