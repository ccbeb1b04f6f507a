package io.distributedmutex.cli.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.cli.Tool;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** exec, whose command seldom is a single process: none of them may work on without the lock. */
@WithRedis
@EnabledOnOs(OS.LINUX)
@Tag("deep")
class ExecProcessesTest {

    private static final Pattern STEP = Pattern.compile("step (\\d+)");
    /** Starts script(1), which has a terminal for us, with words quoted for the shell that it starts. */
    private static final String IN_SCRIPT =
            "for word in \"$@\"; do line=\"$line '$(printf %s \"$word\" | sed \"s/'/'\\\\\\\\''/g\")'\"; done;"
                    + " exec script -qefc \"exec $line\" /dev/null";

    private static final Pattern TOOL = Pattern.compile("tool (\\d+)");

    @TempDir
    private Path directory;

    private final EmbeddedRedis redis;
    private final Set<Long> steps = new HashSet<>();
    private DistributedMutex mutex;

    ExecProcessesTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void connect() {
        mutex = Tool.connect(redis.uri());
    }

    @AfterEach
    void endAll() {
        mutex.close();
        steps.forEach(step -> ProcessHandle.of(step).ifPresent(ProcessHandle::destroyForcibly));
    }

    /** Starts a shell script under the lock k. */
    private CommandLineTool.Running start(String script, String... options) throws IOException {
        return start(Map.of(), script, options);
    }

    private CommandLineTool.Running start(Map<String, String> environment, String script, String... options)
            throws IOException {
        return Tool.start(directory, environment, arguments(script, options));
    }

    private String[] arguments(String script, String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("k", "--", "/bin/sh", "-c", script));
        return Tool.on(redis.uri(), "exec", all.toArray(String[]::new));
    }

    /** A step of a script: tells its process, and lasts for a minute unless something ends it. */
    private static String step(String onTerm) {
        return "/bin/sh -c 'trap \"" + onTerm + "\" TERM; echo step $$;"
                + " i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done'";
    }

    private long awaitStep(CommandLineTool.Running running) {
        running.awaitOut("step ");
        Await.until(
                "a step's process",
                () -> STEP.matcher(running.out()).find() && running.out().endsWith("\n"));
        long step = number(STEP, running.out());
        steps.add(step);
        return step;
    }

    private static long number(Pattern pattern, String out) {
        Matcher matcher = pattern.matcher(out);
        assertThat(matcher.find()).as(out).isTrue();
        return Long.parseLong(matcher.group(1));
    }

    /** A PATH on which sh is a certain shell; with busybox, all that a guardian needs is of that. */
    private String pathOf(String shell) throws IOException {
        Path found = Programs.find(shell).orElse(null);
        assumeTrue(found != null, shell);
        Path programs = Files.createDirectory(directory.resolve("bin"));
        if (shell.equals("busybox")) {
            for (String name : List.of("sh", "setsid", "sleep", "tr", "grep")) {
                program(programs, name, "exec " + found + " " + name + " \"$@\"\n");
            }
            return programs.toString();
        }
        program(programs, "sh", "exec " + found + " \"$@\"\n");
        return programs + ":" + System.getenv("PATH");
    }

    private static void program(Path directory, String name, String script) throws IOException {
        Path program = Files.writeString(directory.resolve(name), "#!/bin/sh\n" + script);
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    }

    private boolean isFree() {
        return mutex.inspect("k").isEmpty();
    }

    /** The fields of proc(5) from the state on. */
    private static String[] status(long pid) {
        try {
            String status = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return status.substring(status.lastIndexOf(')') + 2).split(" ");
        } catch (IOException e) {
            return new String[] {"X"};
        }
    }

    /** Also a shell whose child was stopped between vfork and exec: the shell waits for that exec, uninterruptibly. */
    private static boolean isStopped(long pid) {
        return switch (status(pid)[0]) {
            case "T" -> true;
            case "D" ->
                ProcessHandle.of(pid).stream()
                        .flatMap(ProcessHandle::children)
                        .anyMatch(child -> status(child.pid())[0].equals("T"));
            default -> false;
        };
    }

    private static boolean isRunning(long pid) {
        return !Set.of("X", "Z").contains(status(pid)[0]);
    }

    @Test
    void aSigtermEndsTheStepThatAScriptIsAt() throws Exception {
        try (CommandLineTool.Running running = start(step("exit 0") + "; echo next")) {
            long step = awaitStep(running);
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isRunning(step)).isFalse();
            assertThat(running.out()).doesNotContain("next");
            assertThat(isFree()).isTrue();
        }
    }

    @Test
    void theLockIsKeptUntilTheLastStepHasEnded() throws Exception {
        Path go = directory.resolve("go");
        String onTerm = "echo term; while [ ! -e " + go + " ]; do sleep 0.05; done; exit 0";
        try (CommandLineTool.Running running = start(step(onTerm) + "; true", "--grace", "1m")) {
            long step = awaitStep(running);
            running.signal("TERM");
            running.awaitOut("term");
            running.awaitErr("the command has ended with 143, but what it has started runs, process " + step);
            running.awaitErr("; that gets SIGKILL after 60 s\n");
            assertThat(isFree()).isFalse();
            Files.createFile(go);
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isRunning(step)).isFalse();
        }
    }

    @Test
    void aStepThatIgnoresSigtermIsKilledAfterTheGrace() throws Exception {
        try (CommandLineTool.Running running = start(step("") + "; true", "--grace", "300ms")) {
            long step = awaitStep(running);
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isRunning(step)).isFalse();
            assertThat(isFree()).isTrue();
        }
    }

    @Test
    void aStepInAProcessGroupOfItsOwnGetsTheSignalToo() throws Exception {
        try (CommandLineTool.Running running = start("timeout 60 " + step("exit 0") + "; true")) {
            long step = awaitStep(running);
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isRunning(step)).isFalse();
        }
    }

    @Test
    void aLostLeaseEndsEveryStep() throws Exception {
        try (CommandLineTool.Running running =
                start(step("echo term; exit 0") + "; echo next", "--lease", Tool.SHORT_LEASE)) {
            long step = awaitStep(running);
            redis.command("DEL", "lock:k");
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(76);
            assertThat(result.out()).contains("term").doesNotContain("next");
            assertThat(isRunning(step)).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--grace=10s", "--foreground"})
    void whatACommandLeavesBehindKeepsTheLockAndIsLeftAlone(String option) throws Exception {
        Path go = directory.resolve("go");
        String left =
                "(echo step $(exec sh -c 'echo $PPID'); while [ ! -e " + go + " ]; do sleep 0.05; done; echo all)";
        try (CommandLineTool.Running running = start(left + " & exit 3", option)) {
            long step = awaitStep(running);
            running.awaitErr("the command has ended with 3, but what it has started runs, process ");
            running.awaitErr("; the lock is kept until that ends\n");
            assertThat(isRunning(step)).isTrue();
            assertThat(isFree()).isFalse();
            Files.createFile(go);
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(3);
            assertThat(result.out()).contains("all");
            assertThat(isFree()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--grace=10s", "--foreground"})
    void whatLeavesTheSessionOnPurposeIsNotWaitedFor(String option) throws Exception {
        Path go = directory.resolve("go");
        String script = "setsid " + step("exit 0") + " & while [ ! -e " + go + " ]; do sleep 0.05; done; exit 0";
        try (CommandLineTool.Running running = start(script, option)) {
            long step = awaitStep(running);
            Files.createFile(go);
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isZero();
            assertThat(result.err()).isEmpty();
            assertThat(isRunning(step)).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"HUP", "INT", "USR1", "USR2", "ALRM"})
    void aSignalReachesEveryProcessAndLeavesUsWhereWeAre(String signal) throws Exception {
        String inner = "trap \"echo inner\" " + signal + "; echo step $$; while :; do sleep 0.1; done";
        try (CommandLineTool.Running running = start("trap 'echo outer' " + signal
                + "; env --default-signal=INT /bin/sh -c '" + inner + "' & while :; do wait; done")) {
            awaitStep(running);
            running.signal(signal);
            running.awaitOut("outer");
            running.awaitOut("inner");
            assertThat(isFree()).isFalse();
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
        }
    }

    @ParameterizedTest
    @CsvSource({"sh, --lease=1m", "sh, --foreground", "bash, --lease=1m", "busybox, --lease=1m", "busybox, --foreground"
    })
    void aKillOfOursEndsTheCommandAndItsSteps(String shell, String option) throws Exception {
        String guarded = "echo command $$; " + step("") + " & while :; do wait; done";
        try (CommandLineTool.Running running = start(Map.of("PATH", pathOf(shell)), guarded, "--grace", "2s", option)) {
            long step = awaitStep(running);
            long command = number(Pattern.compile("command (\\d+)"), running.out());
            running.process().destroyForcibly();
            Await.until("the end of the command", () -> !isRunning(command));
            Await.until("the end of its step by SIGKILL", () -> !isRunning(step));
            running.awaitErr("dmutex: ended before its command, which gets SIGTERM, and SIGKILL after 2 s\n");
        }
    }

    @Test
    void aKillOfOursEndsTheCommandAlthoughNobodyReadsWhatIsSaidOfIt() throws Exception {
        try (CommandLineTool.Running running = Tool.startInShell(
                directory,
                "{ \"$@\" 2>&1 >&3 | :; } 3>&1",
                arguments("echo tool $PPID; " + step("") + "; true", "--grace", "1s"))) {
            long step = awaitStep(running);
            assertThat(ProcessHandle.of(number(TOOL, running.out()))
                            .orElseThrow()
                            .destroyForcibly())
                    .isTrue();
            Await.until("the end of the step by SIGKILL", () -> !isRunning(step));
        }
    }

    @Test
    void aKillOfOursWhileTheCommandStartsEndsItToo() throws Exception {
        Path programs = Files.createDirectory(directory.resolve("bin"));
        Path started = directory.resolve("started");
        // The guardian's session starts at once; the command's own not before it is too late.
        program(programs, "setsid", """
                [ "$2" != sh ] || exec %s "$@"
                echo $$ >%s.new && mv %s.new %s
                kill -9 $PPID
                while :; do sleep 0.1; done
                """.formatted(Programs.find("setsid").orElseThrow(), started, started, started));
        try (CommandLineTool.Running running =
                start(Map.of("PATH", programs + ":" + System.getenv("PATH")), "echo ran")) {
            Await.until("the start of the command", () -> Files.exists(started));
            long command = Long.parseLong(Files.readString(started).strip());
            steps.add(command);
            Await.until("the end of the command", () -> !isRunning(command));
            assertThat(running.out()).isEmpty();
        }
    }

    @Test
    void stoppingUsStopsTheCommandToo() throws Exception {
        try (CommandLineTool.Running running = start(step("exit 0") + "; true")) {
            long step = awaitStep(running);
            running.signal("TSTP");
            Await.until("the step to be stopped", () -> isStopped(step));
            Await.until("us to be stopped", () -> isStopped(running.process().pid()));
            running.signal("CONT");
            Await.until("the step to go on", () -> !isStopped(step));
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
        }
    }

    @Test
    void aCommandThatWasStoppedForTooLongGoesOnOnlyToEnd() throws Exception {
        try (CommandLineTool.Running running =
                start(step("echo term; exit 0") + "; echo next", "--lease", Tool.SHORT_LEASE)) {
            long step = awaitStep(running);
            running.signal("TSTP");
            Await.until("us to be stopped", () -> isStopped(running.process().pid()));
            Await.until("the lease's end", this::isFree);
            assertThat(isStopped(step)).as(running.out() + running.err()).isTrue();
            running.signal("CONT");
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(76);
            assertThat(result.out()).contains("term").doesNotContain("next");
            assertThat(isRunning(step)).isFalse();
        }
    }

    @Test
    void inTheForegroundTheCommandStaysInOurSessionAndItsStepsAreFoundAsDescendants() throws Exception {
        try (CommandLineTool.Running running = start(step("exit 0") + "; true", "--foreground")) {
            long step = awaitStep(running);
            assertThat(status(step)[3]).isEqualTo(status(running.process().pid())[3]);
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isRunning(step)).isFalse();
        }
    }

    @Test
    void whoWasAskedToEndLongAgoMayLeaveProcessesBehind() throws Exception {
        Path go = directory.resolve("go");
        String left = "sh -c 'echo step $$; while [ ! -e " + go + " ]; do sleep 0.05; done; echo all'";
        String script = "trap 'echo int' INT; echo ready; while [ ! -e " + directory + "/end ]; do sleep 0.05; done; "
                + left + " & exit 3";
        try (CommandLineTool.Running running = start(script, "--grace", "0")) {
            running.awaitOut("ready");
            running.signal("INT");
            running.awaitOut("int");
            long asked = System.nanoTime();
            Await.until("that it is long ago", () -> System.nanoTime() - asked > 1_500_000_000L);
            Files.createFile(directory.resolve("end"));
            awaitStep(running);
            running.awaitErr("; the lock is kept until that ends\n");
            Files.createFile(go);
            assertThat(running.end().exitCode()).isEqualTo(3);
            assertThat(running.out()).contains("all");
        }
    }

    @Test
    void aSignalIsSentOnceByBusyboxToo() throws Exception {
        String script = "trap 'echo usr1' USR1; sleep 60 & echo ready; while :; do wait; done";
        try (CommandLineTool.Running running = start(Map.of("PATH", pathOf("busybox")), script)) {
            running.awaitOut("ready");
            running.signal("USR1");
            running.awaitOut("usr1");
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(running.out()).containsOnlyOnce("usr1");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"perl", "nothing"})
    void whereThereIsNoSetsidStepsAreEndedToo(String instead) throws Exception {
        Path programs = Files.createDirectory(directory.resolve("bin"));
        List<String> links = new ArrayList<>(List.of("sh", "sleep"));
        if (instead.equals("perl")) {
            links.add("perl");
        }
        for (String link : links) {
            assumeTrue(Programs.find(link).isPresent(), link);
            program(programs, link, "exec " + Programs.find(link).orElseThrow() + " \"$@\"\n");
        }
        try (CommandLineTool.Running running = start(Map.of("PATH", programs.toString()), step("exit 0") + "; true")) {
            long step = awaitStep(running);
            assertThat(status(step)[3].equals(status(running.process().pid())[3]))
                    .as("in our session")
                    .isEqualTo(!instead.equals("perl"));
            running.signal("TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isRunning(step)).isFalse();
        }
    }

    @Test
    void onATerminalEachSignalReachesTheCommandOnceWhetherTypedOrSent() throws Exception {
        assumeTrue(Programs.find("script").isPresent(), "script(1)");
        String command = "echo tool $PPID; trap \"echo int\" INT; trap \"echo usr1\" USR1; " + step("exit 0")
                + " & while :; do wait; done";
        try (CommandLineTool.Running running = Tool.startInShell(directory, IN_SCRIPT, arguments(command))) {
            awaitStep(running);
            long tool = number(TOOL, running.out());
            assertThat(status(tool)[2]).as("in the terminal's foreground").isEqualTo(status(tool)[5]);
            signal(tool, "INT");
            running.awaitOut("int");
            signal(tool, "USR1");
            running.awaitOut("usr1");
            type(running, 3);
            Await.until("a second SIGINT", () -> running.out().split("int", -1).length == 3);
            signal(tool, "USR1");
            Await.until("a second SIGUSR1", () -> running.out().split("usr1", -1).length == 3);
            assertThat(running.out().split("int", -1)).as("no third SIGINT").hasSize(3);
            assertThat(isFree()).isFalse();
            signal(tool, "TERM");
            assertThat(running.end().exitCode()).isEqualTo(128 + 15);
            assertThat(isFree()).isTrue();
        }
    }

    @Test
    void inTheForegroundTheCommandAsksOnTheTerminal() throws Exception {
        assumeTrue(Programs.find("script").isPresent(), "script(1)");
        try (CommandLineTool.Running running = Tool.startInShell(
                directory,
                IN_SCRIPT,
                arguments("echo ready; read -r line </dev/tty; echo got $line", "--foreground"))) {
            running.awaitOut("ready");
            type(running, 'A');
            type(running, '\n');
            running.awaitOut("got A");
            assertThat(running.end().exitCode()).isZero();
        }
    }

    private static void signal(long pid, String name) {
        assertThat(Kill.send(name, List.of(Long.toString(pid)))).isTrue();
    }

    private static void type(CommandLineTool.Running running, int key) throws IOException {
        running.process().getOutputStream().write(key);
        running.process().getOutputStream().flush();
    }
}
