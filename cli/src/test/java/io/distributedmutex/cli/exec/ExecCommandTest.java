package io.distributedmutex.cli.exec;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockInfo;
import io.distributedmutex.cli.Tool;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** exec as a real process, with real children and signals. */
@WithRedis
class ExecCommandTest {

    @TempDir
    private Path directory;

    private final EmbeddedRedis redis;
    private DistributedMutex mutex;

    ExecCommandTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeEach
    void connect() {
        mutex = Tool.connect(redis.uri());
    }

    @AfterEach
    void close() {
        mutex.close();
    }

    private CommandLineTool.Running start(String... arguments) throws IOException {
        return Tool.start(directory, Tool.on(redis.uri(), "exec", arguments));
    }

    private CommandLineTool.Result run(String... arguments) throws Exception {
        try (CommandLineTool.Running running = start(arguments)) {
            return running.end();
        }
    }

    private String[] shell(String script, String... before) {
        List<String> all = new ArrayList<>(List.of(before));
        all.addAll(List.of("k", "--", "sh", "-c", script));
        return all.toArray(String[]::new);
    }

    /** Says that it is there, ends on SIGTERM only if it is told to, and lasts for a minute at most. */
    private static String stubborn(String onTerm) {
        return "trap '" + onTerm + "' TERM; echo ready; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done";
    }

    private boolean isFree() {
        return mutex.inspect("k").isEmpty();
    }

    @Test
    void theCommandRunsUnderTheLockWithItsNameAndTokenAndItsExitCodeIsPassedOn() throws Exception {
        try (CommandLineTool.Running running = start(shell(
                "echo key=$DMUTEX_KEY token=$DMUTEX_FENCING_TOKEN; while [ ! -e " + directory
                        + "/go ]; do sleep 0.05; done;" + " exit 7",
                "--label",
                "me"))) {
            running.awaitOut("token=");
            LockInfo info = mutex.inspect("k").orElseThrow();
            assertThat(info.holder()).contains("me");
            assertThat(running.out()).matches("key=k token=[1-9][0-9]{15}\n");
            Files.createFile(directory.resolve("go"));
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(7);
            assertThat(result.err()).isEmpty();
            assertThat(isFree()).isTrue();
        }
    }

    @Test
    void argumentsReachTheCommandUnchanged() throws Exception {
        CommandLineTool.Result result =
                run("k", "--", "printf", "%s|", "-v", "@file", "--", "a b", "$HOME", "'q'", "", "\u00fc");
        assertThat(result.out()).isEqualTo("-v|@file|--|a b|$HOME|'q'||\u00fc|");
        assertThat(result.exitCode()).isZero();
    }

    @Test
    @Tag("deep")
    void deathByASignalIsPassedOnAsAShellDoes() throws Exception {
        assertThat(run(shell("kill -9 $$")).exitCode()).isEqualTo(128 + 9);
    }

    @Test
    @Tag("deep")
    void aCommandThatCannotBeStartedIsToldAsAShellDoes() throws Exception {
        CommandLineTool.Result missing = run("k", "--", "/no/such/command");
        assertThat(missing.exitCode()).isEqualTo(127);
        assertThat(missing.err())
                .startsWith("dmutex: /no/such/command: command not found")
                .hasLineCount(1);
        Path plain = Files.writeString(directory.resolve("plain"), "text");
        CommandLineTool.Result denied = run("k", "--", plain.toString());
        assertThat(denied.exitCode()).isEqualTo(126);
        assertThat(denied.err()).contains("command not executable").hasLineCount(1);
        assertThat(isFree()).isTrue();
    }

    @Test
    void aTakenLockIsNotWaitedForIfSoAsked() throws Exception {
        mutex.acquire("k");
        CommandLineTool.Result result = run("-n", "k", "--", "touch", directory + "/ran");
        assertThat(result.exitCode()).isEqualTo(75);
        assertThat(result.err())
                .startsWith("dmutex: 'k' not acquired: held by tester, for ")
                .hasLineCount(1);
        assertThat(directory.resolve("ran")).doesNotExist();
    }

    @Test
    void aTakenLockIsWaitedForAndThenGivenUp() throws Exception {
        mutex.acquire("k");
        // Not shorter: where the first answer takes longer than the wait, Redis is not reached (69).
        CommandLineTool.Result result = run("--wait", "8s", "k", "--", "true");
        assertThat(result.exitCode()).isEqualTo(75);
        assertThat(result.err()).startsWith("dmutex: ").contains("tester").hasLineCount(1);
        assertThat(mutex.inspect("k").orElseThrow().waiters()).isZero();
    }

    @Test
    void aLockThatIsFreedIsAcquired() throws Exception {
        Lease lease = mutex.acquire("k");
        try (CommandLineTool.Running running = start(shell("echo ran", "--wait", "30s"))) {
            Await.until("a waiter", () -> mutex.inspect("k").orElseThrow().waiters() == 1);
            lease.close();
            assertThat(running.end()).isEqualTo(new CommandLineTool.Result(0, "ran\n", ""));
        }
    }

    @Test
    @Tag("deep")
    void aSignalWhileWaitingLeavesTheQueue() throws Exception {
        mutex.acquire("k");
        try (CommandLineTool.Running running = start(shell("echo ran", "--wait", "30s"))) {
            Await.until("a waiter", () -> mutex.inspect("k").orElseThrow().waiters() == 1);
            running.signal("TERM");
            CommandLineTool.Result result = running.end();
            assertThat(result).isEqualTo(new CommandLineTool.Result(128 + 15, "", ""));
            assertThat(mutex.inspect("k").orElseThrow().waiters()).isZero();
        }
    }

    @Test
    void signalsAreSentOnAndTheLockIsKeptUntilTheCommandHasEnded() throws Exception {
        String script = "trap 'echo hup' HUP; trap 'echo int' INT;" + stubborn("echo term; exit 3");
        try (CommandLineTool.Running running = start(shell(script))) {
            running.awaitOut("ready");
            running.signal("HUP");
            running.awaitOut("hup");
            running.signal("INT");
            running.awaitOut("int");
            assertThat(isFree()).isFalse();
            running.signal("TERM");
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(3);
            assertThat(result.out()).contains("term");
            assertThat(result.err())
                    .as("we say nothing, the shell of its sleep's end")
                    .doesNotContain("dmutex");
            assertThat(isFree()).isTrue();
        }
    }

    @Test
    @Tag("deep")
    void aSignalThatComesAtOnceLeavesNeitherACommandNorALock() throws Exception {
        for (int i = 0; i < 5; i++) {
            try (CommandLineTool.Running running = start(shell("echo ready; sleep 60"))) {
                Await.until("the lock", () -> !isFree());
                running.signal("TERM");
                assertThat(running.end().exitCode()).isEqualTo(128 + 15);
                assertThat(isFree()).isTrue();
            }
        }
    }

    @Test
    @Tag("deep")
    void theLeaseIsRenewedWhileTheCommandRuns() throws Exception {
        try (CommandLineTool.Running running =
                start(shell("echo ready; sleep 7; echo done", "--lease", Tool.SHORT_LEASE))) {
            running.awaitOut("ready");
            assertThat(mutex.tryAcquire("k")).isEmpty();
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isZero();
            assertThat(result.out()).isEqualTo("ready\ndone\n");
            // A machine that is busy may put it at risk meanwhile, but renewal must not lose it.
            assertThat(result.err()).doesNotContain("LOST");
        }
    }

    @Test
    void aLostLeaseEndsTheCommandBySigterm() throws Exception {
        try (CommandLineTool.Running running =
                start(shell(stubborn("echo term; exit 0"), "--lease", Tool.SHORT_LEASE))) {
            running.awaitOut("ready");
            assertThat(Tool.run("release", "--force", "--redis", redis.uri(), "k")
                            .exitCode())
                    .isZero();
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(76);
            assertThat(result.out()).isEqualTo("ready\nterm\n");
            assertThat(result.err())
                    .contains(
                            "dmutex: lost the lease on 'k' (REVOKED): the command gets SIGTERM, and SIGKILL after 10 s\n")
                    .contains("dmutex: the command ended with 0 after its lease was lost\n");
            assertThat(result.err().lines().filter(line -> !line.equals("Terminated"))) // What its shell says of sleep.
                    .as("the library's warning too is one line")
                    .allMatch(line -> line.startsWith("dmutex: "))
                    // A machine that is busy may put it at risk before.
                    .filteredOn(line -> !line.contains("AT RISK"))
                    .hasSize(3);
        }
    }

    @Test
    void aCommandThatIgnoresSigtermIsKilledAfterTheGraceWithItsChildren() throws Exception {
        String script = "sh -c 'trap \"\" TERM; echo $$; sleep 60' & " + stubborn("echo ignored");
        try (CommandLineTool.Running running = start(shell(script, "--lease", Tool.SHORT_LEASE, "--grace", "5s"))) {
            running.awaitOut("ready");
            Await.until("the child's process", () -> running.out().lines().anyMatch(line -> line.matches("\\d+")));
            redis.command("DEL", "lock:k");
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(76);
            assertThat(result.out()).contains("ignored");
            assertThat(result.err()).contains("SIGKILL after 5 s").contains("the command ended with 137");
            long grandchild = result.out()
                    .lines()
                    .filter(line -> line.matches("\\d+"))
                    .mapToLong(Long::parseLong)
                    .findFirst()
                    .orElseThrow();
            Await.until("the end of the command's child", () -> !isRunning(grandchild));
        }
    }

    @Test
    @Tag("deep")
    void aStoreThatDiesEndsTheCommandWhenTheLeaseIsOver() throws Exception {
        try (CommandLineTool.Running running =
                start(shell(stubborn("echo term; exit 5"), "--lease", Tool.SHORT_LEASE))) {
            running.awaitOut("ready");
            redis.kill();
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(76);
            assertThat(result.err()).contains("lost the lease on 'k' (EXPIRED)").contains("AT RISK");
        }
    }

    @Test
    @Tag("deep")
    void whatHasNoTimeToNoticeTheLossLearnsOfItAtTheEnd() throws Exception {
        try (CommandLineTool.Running running =
                start(shell("echo ready; while [ ! -e " + directory + "/go ]; do sleep 0.05; done", "--renew", "0"))) {
            running.awaitOut("ready");
            redis.command("DEL", "lock:k");
            Files.createFile(directory.resolve("go"));
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(76);
            assertThat(result.err())
                    .contains("the command ended with 0, but its lease had been lost before (REVOKED)")
                    .doesNotContain("SIGTERM");
        }
    }

    @Test
    @Tag("deep")
    void aShortJobKeepsTheLockForItsMinimumHold() throws Exception {
        assertThat(run("--minimum-hold", "50s", "k", "--", "true").exitCode()).isZero();
        assertThat(mutex.inspect("k").orElseThrow().remaining().orElseThrow())
                .isBetween(Duration.ofSeconds(1), Duration.ofSeconds(50));
        assertThat(run("-n", "k", "--", "touch", directory + "/ran").exitCode()).isEqualTo(75);
        assertThat(directory.resolve("ran")).doesNotExist();
    }

    @Test
    void theHolderIsNamedAfterUsAndTheCommand() throws Exception {
        Path script = Files.writeString(directory.resolve("report.sh"), "#!/bin/sh\necho ready; sleep 60\n");
        assertThat(script.toFile().setExecutable(true)).isTrue();
        try (CommandLineTool.Running running = start("k", "--", script.toString(), "secret")) {
            running.awaitOut("ready");
            assertThat(mutex.inspect("k").orElseThrow().holder().orElseThrow())
                    .endsWith(":" + running.process().pid() + " report.sh");
        }
    }

    @Test
    @Tag("deep")
    void aReleaseThatIsNotAnsweredIsNotWaitedForAsLongAsTheLock() throws Exception {
        try (CommandLineTool.Running running = start(shell(
                "echo ready; while [ ! -e " + directory + "/go ]; do sleep 0.05; done; exit 4",
                "--wait",
                "10m",
                "--lease",
                "10m"))) {
            running.awaitOut("ready");
            redis.kill();
            Files.createFile(directory.resolve("go"));
            CommandLineTool.Result result = running.end();
            assertThat(result.exitCode()).isEqualTo(4);
            assertThat(result.err()).contains("dmutex: release of 'k' ").contains("lease's end");
        }
    }

    @Test
    @Tag("deep")
    void redisIsFoundByTheEnvironment() throws Exception {
        try (CommandLineTool.Running running = Tool.start(
                directory,
                Map.of("REDIS_URL", redis.uri()),
                "exec",
                Tool.TIMEOUT,
                "--lease=90s",
                "k",
                "--",
                "sleep",
                "60")) {
            Await.until("the lock", () -> !isFree());
            assertThat(mutex.inspect("k").orElseThrow().remaining().orElseThrow())
                    .isGreaterThan(Duration.ofMinutes(1));
        }
    }

    @Test
    void verboseShowsWhatTheLibraryDoes() throws Exception {
        CommandLineTool.Result result = run("-v", "k", "--", "true");
        assertThat(result.exitCode()).isZero();
        assertThat(result.err()).contains("DEBUG").contains("acquired k");
    }

    private static boolean isRunning(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }
}
