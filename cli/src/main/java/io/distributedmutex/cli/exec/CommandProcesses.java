package io.distributedmutex.cli.exec;

import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The processes of a command. A program seldom works alone, and the processes that it has started work on when only the program
 * is ended. Safe for use by many threads.
 */
sealed interface CommandProcesses {

    /** Which of them run, by their ids. */
    Set<Long> running();

    /** Sends a signal, by its name without SIG, to all that run. */
    void signal(String name);

    /**
     * Those of a session of its own, which every process that is started in it is in as well, unless it leaves on
     * purpose. Elsewhere than on Linux: those of the session's first process group.
     */
    final class OfSession implements CommandProcesses {

        private static final String PERL = "POSIX::setsid(); exec { $ARGV[0] } @ARGV; exit 127";

        private final Process leader;

        OfSession(Process leader) {
            this.leader = leader;
        }

        /** What is put before a command so that it runs in a session of its own, if this system has anything for it. */
        static Optional<List<String>> prefix() {
            Optional<List<String>> setsid = Programs.find("setsid").map(program -> List.of(program.toString(), "--"));
            // macOS has no setsid, but this.
            return setsid.isPresent()
                    ? setsid
                    : Programs.find("perl").map(program -> List.of(program.toString(), "-MPOSIX", "-e", PERL, "--"));
        }

        @Override
        public Set<Long> running() {
            Set<Long> running = new LinkedHashSet<>();
            try {
                rows().forEach(row -> running.add(row.pid()));
                if (leader.isAlive()) {
                    running.add(leader.pid());
                }
            } catch (IOException e) {
                if (leader.isAlive() || Kill.send("0", List.of("-" + leader.pid()))) {
                    running.add(leader.pid());
                }
            }
            return running;
        }

        @Override
        public void signal(String name) {
            Set<String> targets = new LinkedHashSet<>();
            try {
                // A script may put steps into process groups of their own, as timeout(1) does.
                rows().forEach(row -> targets.add("-" + row.group()));
            } catch (IOException e) {
                targets.add("-" + leader.pid());
            }
            boolean sent = Kill.send(name, targets);
            if (leader.isAlive() && (!sent || !targets.contains("-" + leader.pid()))) {
                Kill.send(name, leader.toHandle()); // It has only just been started, and has no session yet.
            }
        }

        private List<ProcessTable.Row> rows() throws IOException {
            return ProcessTable.running(leader.pid(), pid -> true);
        }
    }

    /**
     * The command and its descendants, as far as we see them: one whose parent has ended is known if it was seen before, or,
     * on Linux, if it is in our session and has kept the command's environment.
     */
    final class Descendants implements CommandProcesses {

        private final String mark;

        /** Guarded by this. */
        private final Set<ProcessHandle> seen = new LinkedHashSet<>();

        /** The command, and what only its processes have in their environment. */
        Descendants(ProcessHandle command, String mark) {
            this.mark = mark;
            seen.add(command);
        }

        @Override
        public Set<Long> running() {
            Set<Long> running = new LinkedHashSet<>();
            look().forEach(process -> running.add(process.pid()));
            return running;
        }

        @Override
        public void signal(String name) {
            look().forEach(process -> Kill.send(name, process));
        }

        private synchronized Set<ProcessHandle> look() {
            List.copyOf(seen).forEach(process -> process.descendants().forEach(seen::add));
            seen.removeIf(process -> !ProcessTable.isRunning(process));
            Set<ProcessHandle> found = new LinkedHashSet<>(seen);
            found.addAll(ProcessTable.ofOwnSession(mark)); // Not for ever: they may leave it on purpose.
            return found;
        }
    }
}
