package io.distributedmutex.cli.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the guardian does with what it hears, in the shells that it may meet. */
@EnabledOnOs(OS.LINUX)
class GuardianTest {

    private static final String TOKEN = Long.toString(System.nanoTime());
    private static final String MARK = "DMUTEX_FENCING_TOKEN=" + TOKEN;

    private final List<Process> started = new ArrayList<>();

    @AfterEach
    void endAll() {
        started.forEach(Process::destroyForcibly);
    }

    private Process command(String token) throws IOException {
        ProcessBuilder builder = new ProcessBuilder("sleep", "60");
        builder.environment().put("DMUTEX_FENCING_TOKEN", token);
        Process command = builder.start();
        started.add(command);
        return command;
    }

    private Process guard(String shell, String heard) throws Exception {
        assumeTrue(Programs.find(shell).isPresent(), shell);
        List<String> words = new ArrayList<>(List.of(shell));
        if (shell.equals("busybox")) {
            words.add("sh");
        }
        words.addAll(List.of("-c", Guardian.SCRIPT, "5", MARK));
        Process guardian = new ProcessBuilder(words)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        started.add(guardian);
        try (OutputStream pipe = guardian.getOutputStream()) {
            pipe.write(heard.getBytes(StandardCharsets.US_ASCII));
        }
        return guardian;
    }

    private static void awaitEnd(Process process) throws InterruptedException {
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"dash", "bash", "busybox"})
    void aCommandThatItHasNotHeardOfIsFoundByItsToken(String shell) throws Exception {
        Process command = command(TOKEN);
        Process other = command(TOKEN + "0");
        guard(shell, "");
        awaitEnd(command);
        assertThat(command.exitValue()).isEqualTo(128 + 15);
        assertThat(other.isAlive()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"dash", "bash", "busybox"})
    void whenAllHasEndedItEndsNothing(String shell) throws Exception {
        Process command = command(TOKEN);
        awaitEnd(guard(shell, "ended\n"));
        awaitEnd(guard(shell, command.pid() + " " + ProcessTable.ownSession() + "\nended\n"));
        assertThat(command.isAlive()).isTrue();
    }
}
