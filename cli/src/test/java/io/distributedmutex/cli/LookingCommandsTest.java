package io.distributedmutex.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** inspect, list and release, as their users see them. */
@WithRedis
class LookingCommandsTest {

    private static final String AWKWARD = "a \"b\"\n{c} \u00fc\ud83d\ude00";
    private static final String AWKWARD_JSON = "\"a \\\"b\\\"\\n{c} \\u00fc\\ud83d\\ude00\"";

    private final EmbeddedRedis redis;
    private DistributedMutex mutex;

    LookingCommandsTest(EmbeddedRedis redis) {
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

    private CommandLineTool.Result run(String command, String... arguments) {
        return Tool.run(Tool.on(redis.uri(), command, arguments));
    }

    @Test
    void inspectShowsAHeldLock() {
        Lease lease = acquireOfAnother("job:42");
        awaitInspected(
                "key            job:42\n"
                        + "state          held\n"
                        + "holder         tester\n"
                        + "fencing token  " + lease.fencingToken() + "\n"
                        + "since          20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ, (\\d+ ms|\\d+ s) ago\n"
                        + "remaining      (60|[1-5]?\\d(\\.\\d)?) s\n"
                        + "waiters        0\n"
                        + "owner          " + Thread.currentThread().getName() + "\n"
                        + "waits for      nothing\n",
                "job:42");
    }

    /**
     * Inspects until the whole output matches. It does in the end, not each time: the holder says nothing of itself where it takes
     * longer than a second to answer, or has been asked very often, or has yet to begin to wait.
     */
    private Matcher awaitInspected(String pattern, String... arguments) {
        Pattern whole = Pattern.compile(pattern);
        AtomicReference<CommandLineTool.Result> last = new AtomicReference<>();
        Await.until(() -> "what matches in " + last, () -> {
            last.set(run("inspect", arguments));
            assertThat(last.get().exitCode()).isZero();
            assertThat(last.get().err()).isEmpty();
            return whole.matcher(last.get().out()).matches();
        });
        Matcher matcher = whole.matcher(last.get().out());
        assertThat(matcher.matches()).isTrue();
        return matcher;
    }

    /** Redis keeps the fencing token only where the key was contended. */
    private Lease acquireOfAnother(String key) {
        redis.command("SET", "lock:" + key, "foreign");
        assertThat(mutex.tryAcquire(key)).isEmpty();
        redis.command("DEL", "lock:" + key);
        return mutex.acquire(key);
    }

    @Test
    void inspectDoesNotTellWhatOnlyTheHolderKnows() {
        mutex.acquire("job:42");
        assertThat(run("inspect", "job:42").out())
                .contains("holder         tester\nfencing token  -\nsince          -\n");
    }

    @Test
    void inspectShowsWhatTheHolderItselfWaitsFor() {
        try (DistributedMutex other = Tool.connect(redis.uri())) {
            Lease taken = other.acquire("b\n");
            DistributedMutex work = mutex.owner("request-17").with(options -> options.waitTime(Duration.ofMinutes(1)));
            Lease held = work.acquire("a");
            CompletableFuture<Lease> waits = work.acquireAsync("b\n");
            awaitInspected("(?s).*\nowner          request-17\nwaits for      'b\\\\u000A' for \\d+(\\.\\d)? s\n", "a");
            awaitInspected(
                    "\\{.*,\"owner\":\"request-17\",\"waitsFor\":\\[\\{\"key\":\"b\\\\n\",\"waitedMillis\":\\d+}]}\n",
                    "--json",
                    "a");
            waits.cancel(false);
            held.close();
            taken.close();
        }
    }

    /** Its process is stopped, or of a version that listens to messages and does not know this one. */
    @Test
    void inspectDoesWithoutAnAnswer() {
        redis.command("SET", "lock:a", "AAAAAAAAAAABBBBBBBBBBB|7|old", "PX", "60000");
        assertThat(run("inspect", "a").out()).endsWith("waiters        0\nowner          -\nwaits for      -\n");
        try (RedisLockStore silent = RedisLockStore.builder().uri(redis.uri()).connect()) {
            silent.start("silent", "AAAAAAAAAAA", new StoreEvents() {
                @Override
                public void granted(String key, String token, long fencingToken, int fencingTokens) {}

                @Override
                public void message(String text) {}

                @Override
                public void reconnected() {}
            });
            long start = System.nanoTime();
            assertThat(run("inspect", "a").out()).endsWith("owner          -\nwaits for      -\n");
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(1));
        }
        redis.command("DEL", "lock:a");
    }

    @Test
    void inspectShowsTheRestToAUserWhoMayNotAsk() {
        redis.command(
                "ACL",
                "SETUSER",
                "looker",
                "on",
                ">secret",
                "~*",
                "resetchannels",
                "+@read",
                "+eval",
                "+evalsha",
                "+script",
                "+ping",
                "+hello",
                "+client",
                "+info",
                "+auth");
        mutex.acquire("a");
        String uri = redis.uri().replace("redis://", "redis://looker:secret@");
        CommandLineTool.Result result = Tool.run("inspect", "--redis=" + uri, "a");
        assertThat(result.err()).isEmpty();
        assertThat(result.exitCode()).isZero();
        assertThat(result.out())
                .startsWith("key            a\nstate          held\nholder         tester\n")
                .endsWith("owner          -\nwaits for      -\n");
        redis.command("ACL", "DELUSER", "looker");
    }

    @Test
    void inspectShowsAFreeLockByItsExitCode() {
        CommandLineTool.Result result = run("inspect", "job:42");
        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.out()).isEqualTo("key            job:42\nstate          free\n");
    }

    @Test
    void inspectShowsAnAwkwardKeyToPeopleOnItsLine() {
        mutex.acquire(AWKWARD);
        assertThat(run("inspect", AWKWARD).out())
                .startsWith("key            a \"b\"\\u000A{c} \u00fc\ud83d\ude00\nstate  ");
    }

    @Test
    void inspectSpeaksJson() {
        Lease lease = acquireOfAnother(AWKWARD);
        Matcher matcher = awaitInspected(
                "\\{\"key\":(.*),\"held\":true,\"holder\":\"tester\",\"fencingToken\":(\\d+),"
                        + "\"since\":\"(.*)\",\"remainingMillis\":(\\d+),\"waiters\":0,"
                        + "\"owner\":\"(.*)\",\"waitsFor\":\\[]}\n",
                "--json",
                AWKWARD);
        assertThat(matcher.group(1)).isEqualTo(AWKWARD_JSON);
        assertThat(Long.parseLong(matcher.group(2))).isEqualTo(lease.fencingToken());
        assertThat(Instant.parse(matcher.group(3)))
                .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(1));
        assertThat(Long.parseLong(matcher.group(4))).isBetween(30_000L, 60_000L);

        assertThat(run("inspect", "--json", "free").out())
                .isEqualTo("{\"key\":\"free\",\"held\":false,\"holder\":null,\"fencingToken\":null,"
                        + "\"since\":null,\"remainingMillis\":null,\"waiters\":0,"
                        + "\"owner\":null,\"waitsFor\":null}\n");
    }

    @Test
    void inspectShowsWhatAnotherLibraryWrote() {
        redis.command("SET", "lock:theirs", "some-value");
        assertThat(run("inspect", "theirs").out())
                .contains("holder         another library")
                .contains("fencing token  -")
                .contains("since          -")
                .contains("remaining      no expiry");
        assertThat(run("inspect", "--json", "theirs").out())
                .contains(
                        "\"held\":true,\"holder\":null,\"fencingToken\":null,\"since\":null,\"remainingMillis\":null");
    }

    @Test
    void aKeyThatHoldsSomethingElseIsRefused() {
        redis.command("HSET", "lock:hash", "a", "b");
        CommandLineTool.Result result = run("inspect", "hash");
        assertThat(result.exitCode()).isEqualTo(77);
        assertThat(result.err()).startsWith("dmutex: ").contains("WRONGTYPE").hasLineCount(1);
    }

    @Test
    void listShowsAllLocksInOrder() {
        mutex.acquire("tenant:2");
        mutex.acquire("tenant:1");
        mutex.acquire("other");
        CommandLineTool.Result result = run("list");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out().lines().map(line -> line.split(" +", 3)[0]))
                .containsExactly("KEY", "other", "tenant:1", "tenant:2");
        assertThat(result.out()).contains("HOLDER").contains("tester");
    }

    @Test
    void aFencingTokenThatIsNoTimeDoesNotSaySinceWhen() {
        redis.command("SET", "lock:early", "0123456789abcdefghijkl|77|somebody", "PX", "60000");
        assertThat(run("inspect", "early").out())
                .contains("holder         somebody")
                .contains("fencing token  77\n")
                .contains("since          -\n");
    }

    @Test
    void aKeyThatTurnsTheDirectionOfWritingIsShownWithItsEscape() {
        mutex.acquire("pay\u202Eexe.txt");
        assertThat(run("list").out()).contains("pay\\u202Eexe.txt").doesNotContain("\u202E");
        assertThat(run("inspect", "pay\u202Eexe.txt").out()).doesNotContain("\u202E");
    }

    @Test
    void listTakesAPatternAndSpeaksJson() {
        mutex.acquire("tenant:1");
        mutex.acquire("other");
        assertThat(run("list", "tenant:*", "--json").out())
                .startsWith("{\"locks\":[{\"key\":\"tenant:1\",\"held\":true,\"holder\":\"tester\"")
                .endsWith("}],\"more\":false}\n")
                .doesNotContain("other");
        assertThat(run("list", "nothing:*", "--json").out()).isEqualTo("{\"locks\":[],\"more\":false}\n");
        assertThat(run("list", "nothing:*").out()).isEqualTo("no locks are held that match nothing:*\n");
    }

    @Test
    void listSaysWhenThereIsMore() {
        for (int i = 0; i < 5; i++) {
            mutex.acquire("k" + i);
        }
        CommandLineTool.Result text = run("list", "--limit", "3");
        assertThat(text.out().lines()).hasSize(4);
        assertThat(text.err()).isEqualTo("dmutex: there are more than 3; use --limit to see them\n");
        assertThat(run("list", "--limit", "3", "--json").out()).endsWith("\"more\":true}\n");
        CommandLineTool.Result all = run("list", "--limit", "5", "--json");
        assertThat(all.out()).endsWith("\"more\":false}\n");
        assertThat(all.err()).isEmpty();
    }

    @Test
    void listGoesThroughTheKeysByScan() {
        for (int i = 0; i < 1_200; i++) {
            redis.command("SET", "data:" + i, "x");
        }
        mutex.acquire("k");
        redis.command("CONFIG", "RESETSTAT");
        assertThat(run("list").out()).contains("k ");
        String statistics = String.valueOf(redis.command("INFO", "commandstats"));
        assertThat(statistics).contains("cmdstat_scan:").doesNotContain("cmdstat_keys:");
        Matcher calls = Pattern.compile("cmdstat_scan:calls=(\\d+)").matcher(statistics);
        assertThat(calls.find()).isTrue();
        assertThat(Integer.parseInt(calls.group(1))).isBetween(2, 20);
    }

    @Test
    void anotherPrefixIsAnotherSetOfLocks() {
        mutex.acquire("k");
        assertThat(run("list", "--prefix=other:").out()).isEqualTo("no locks are held\n");
        assertThat(run("list", "--prefix=").out()).contains("lock:k ");
        assertThat(run("inspect", "--prefix=", "lock:k").exitCode()).isZero();
    }

    @Test
    void releaseIsRefusedWithoutForce() {
        Lease lease = mutex.acquire("k");
        CommandLineTool.Result result = run("release", "k");
        assertThat(result.exitCode()).isEqualTo(64);
        assertThat(result.err()).startsWith("dmutex: ").contains("--force").hasLineCount(1);
        assertThat(lease.release()).isTrue();
    }

    @Test
    void releaseByForceEvictsTheHolder() {
        Lease lease = mutex.acquire("k");
        CommandLineTool.Result result = run("release", "--force", "k");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).matches("released 'k', held by tester, for .* still unless renewed; nobody waited\n");
        assertThat(result.err()).isEmpty();
        assertThat(redis.command("EXISTS", "lock:k")).isEqualTo(0L);
        assertThat(lease.release()).isFalse();
    }

    @Test
    void releaseSpeaksJsonAndSaysWhenTheKeyWasFree() {
        mutex.acquire(AWKWARD);
        assertThat(run("release", "--force", "--json", AWKWARD).out())
                .startsWith("{\"key\":" + AWKWARD_JSON + ",\"released\":true,\"evicted\":{\"key\":" + AWKWARD_JSON
                        + ",\"held\":true,\"holder\":\"tester\"");
        CommandLineTool.Result free = run("release", "--force", "--json", AWKWARD);
        assertThat(free.exitCode()).isEqualTo(1);
        assertThat(free.out()).isEqualTo("{\"key\":" + AWKWARD_JSON + ",\"released\":false,\"evicted\":null}\n");
        assertThat(run("release", "--force", "k").out()).isEqualTo("'k' was free\n");
    }
}
