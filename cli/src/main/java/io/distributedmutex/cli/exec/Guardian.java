package io.distributedmutex.cli.exec;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A small process that ends a command if we die, however we die: no other process can do it then. It waits for the end of a
 * pipe whose other end we hold. Linux could signal our death to the command, but not to the processes that it has started.
 */
final class Guardian implements AutoCloseable {

    /**
     * $0: the grace in seconds. $1: what the command has in its environment. Reads the command's id and the session to look
     * for its processes in, and later that it has ended, or nothing if we have died. Works in dash, bash and busybox.
     */
    static final String SCRIPT = """
            trap '' HUP INT QUIT TERM PIPE USR1 USR2 ALRM
            mark=$1
            if read -r command session; then
              if [ "$command" = ended ] || read -r ended; then exit 0; fi
            else
              command=none session=any
              sleep 1 # It may be about to start.
            fi
            targets() {
              echo "$command"
              marked=
              if [ "$session" != none ]; then
                # All at once: a machine may have thousands of processes, and be busy.
                marked=$(grep -lzxF -- "$mark" /proc/[0-9]*/environ 2>/dev/null)
              fi
              for process in /proc/[0-9]*; do
                { read -r line <"$process/stat"; } 2>/dev/null || continue
                set -- ${line##*') '}
                if [ "$1" = Z ]; then continue; fi
                if [ "-${4-}" = "$command" ]; then
                  echo "-$3"
                elif [ "$session" = any ] || [ "${4-}" = "$session" ]; then
                  case " $marked " in *[[:space:]]"$process/environ"[[:space:]]*) echo "${process#/proc/}" ;; esac
                fi
              done
            }
            send() {
              sent=1
              for target in $(targets); do
                kill -"$1" "$target" && sent=0
              done 2>/dev/null
              return $sent
            }
            # A command that has only just been started has no session yet.
            send TERM || kill -TERM "${command#-}" 2>/dev/null || exit 0
            send CONT
            echo "dmutex: ended before its command, which gets SIGTERM, and SIGKILL after $0 s" >&2
            passed=0
            while [ $passed -lt "$0" ]; do
              sleep 1
              send 0 || exit 0
              passed=$((passed + 1))
            done
            for again in 1 2 3 4 5; do # For what was started meanwhile.
              send KILL || exit 0
              sleep 1
            done
            """;

    private final @Nullable Process process;

    private Guardian(@Nullable Process process) {
        this.process = process;
    }

    /**
     * Starts one, in a session of its own, so that what is sent to our process group does not end it together with us. It
     * does nothing yet. Where there is no shell, it never will.
     *
     * @param grace how long after SIGTERM SIGKILL follows; rounded up to seconds
     * @param mark what no process but those of the command has in its environment: by that they are found if we die
     *     before {@link #guard}, and in our session
     */
    static Guardian start(Duration grace, String mark) {
        List<String> command =
                new ArrayList<>(CommandProcesses.OfSession.prefix().orElse(List.of()));
        command.addAll(
                List.of("sh", "-c", SCRIPT, Long.toString(grace.plusMillis(999).toSeconds()), mark));
        try {
            return new Guardian(new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start());
        } catch (IOException e) {
            return new Guardian(null);
        }
    }

    /**
     * Says what to end if we die.
     *
     * @param pid the command's process
     * @param ofSession whether it is the first of a session, all of which is meant then
     */
    void guard(long pid, boolean ofSession) {
        tell(ofSession ? "-" + pid + " none" : pid + " " + ProcessTable.ownSession());
    }

    /** Says that the command has ended. */
    @Override
    public void close() {
        tell("ended");
        if (process != null) {
            try {
                process.getOutputStream().close();
            } catch (IOException e) {
                // Somebody has ended it.
                return;
            }
        }
    }

    private void tell(String line) {
        if (process == null) {
            return;
        }
        try {
            OutputStream pipe = process.getOutputStream();
            pipe.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
            pipe.flush();
        } catch (IOException e) {
            // Somebody has ended it: the command goes on without.
            return;
        }
    }
}
