package io.distributedmutex.verification.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.distributedmutex.StoreException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.CommandLineTool;
import io.distributedmutex.testing.Fuzz;
import io.distributedmutex.testing.LoggedLines;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Any command line and any URI: an exit code that is documented, one line that says why, and never a password. */
@Timeout(60)
class CommandLineFuzzTest {

    /** A port on which nothing can listen. */
    private static final String NOWHERE = "127.0.0.1:1";

    /** All but the worker of the demo, which is the demo's own, obeys its standard input, and ends the JVM with it. */
    private static final List<String> COMMANDS =
            List.of("exec", "list", "inspect", "release", "demo", "completion", "help", "frob", "");

    private static final List<String> WORDS = List.of(
            "--",
            "-n",
            "-v",
            "-h",
            "-V",
            "--help",
            "--version",
            "--json",
            "--force",
            "--no-wait",
            "--without-lock",
            "true",
            "k",
            "-",
            "---",
            "-x",
            "--redsi",
            "@file",
            "--timeout=1ms",
            "--limit",
            "--limit=0",
            "--lease",
            "--wait=5s",
            "--renew=0",
            "--grace",
            "--label",
            "--label=",
            "--prefix=",
            "--seconds=5",
            "--workers",
            "--seed=x",
            "--output=/dev/null/x");

    private static final Set<Integer> DOCUMENTED = Set.of(0, 64, 69, 70, 77);

    @Test
    void anyCommandLineEndsWithADocumentedCodeAndOneLine() throws Exception {
        Fuzz.rounds(350, input -> {
            List<String> arguments = new ArrayList<>();
            arguments.add(input.oneOf(COMMANDS));
            // Where it is to be looked for, lest it find a server that is somebody else's.
            arguments.add("--redis=redis://" + NOWHERE);
            for (int more = input.below(7); more > 0; more--) {
                arguments.add(input.oneIn(3) ? withoutNul(input.text(0, 30)) : input.oneOf(WORDS));
                if (input.oneIn(8)) {
                    arguments.add(input.number() + input.oneOf(List.of("", "s", "ms", "d", "m", "h", "PT")));
                }
            }
            CommandLineTool.Result result = Tool.run(arguments.toArray(String[]::new));

            assertThat(result.exitCode()).as(result.err()).isIn(DOCUMENTED);
            if (result.exitCode() != 0 && !arguments.contains("-v")) {
                assertThat(result.out()).isEmpty();
                assertThat(result.err()).startsWith("dmutex: ").endsWith("\n").hasLineCount(1);
                assertThat(result.err().strip()).matches(LoggedLines::isOneLine, "one line");
            }
            assertThat(result.out() + (arguments.contains("-v") ? "" : result.err()))
                    .doesNotContain("\tat ");
        });
    }

    private static String withoutNul(String text) {
        return text.replace('\0', ' ');
    }

    @Test
    void aLongArgumentIsRefusedAsQuicklyAsAShortOne() {
        for (String piece : List.of(":", "://", "a:", "=:", "'://", "@", ":@")) {
            String argument = piece.repeat(100_000 / piece.length());
            CommandLineTool.Result result = Tool.run("inspect", "k", argument);
            assertThat(result.exitCode()).isEqualTo(64);
            assertThat(result.err()).startsWith("dmutex: ");
        }
    }

    @Test
    void noPasswordIsEverShown() throws Exception {
        Fuzz.rounds(200, input -> {
            // Long enough not to stand in a message by chance.
            String password = input.note(
                    "pw" + withoutNul(input.text(4, 30)).replace('@', 'A').replace("\ufffd", "") + "wp");
            String before = input.oneOf(List.of(
                    "redis://",
                    "rediss://",
                    "redis-sentinel://",
                    "redis-socket://",
                    "redis:",
                    "http://",
                    "redis://user",
                    "redis://us er",
                    "",
                    "//",
                    "redis+cluster://",
                    "REDIS://"));
            String host = input.oneOf(List.of(
                    NOWHERE,
                    "[::1]:1",
                    "127.0.0.1:99999",
                    "127.0.0.1:-1",
                    "127.0.0.1:x",
                    NOWHERE + "/0",
                    NOWHERE + "/x",
                    NOWHERE + "?timeout=1x",
                    NOWHERE + "#primary",
                    "",
                    "[",
                    "ho st",
                    NOWHERE + "?clientName=a b",
                    "127.0.0.1:"));
            String uri = input.note(before + ":" + password + "@" + host);
            List<String> arguments = input.oneOf(List.of(
                    List.of("inspect", "k", "--redis", uri),
                    List.of("inspect", "k", "--redis=" + uri),
                    List.of("inspect", "k", "--redis", "redis://" + NOWHERE, "--redsi=" + uri),
                    List.of("inspect", "k", "--redis", "redis://" + NOWHERE, "--redsi", uri),
                    List.of("list", "--redis", "redis://" + NOWHERE, "a", uri),
                    List.of("list", "--redis", "redis://" + NOWHERE, "--limit", uri),
                    List.of("list", "--redis", "redis://" + NOWHERE, "--timeout=" + uri),
                    List.of("exec", "k", "--redis", uri, "--", "true"),
                    List.of(uri)));
            CommandLineTool.Result result = Tool.run(arguments.toArray(String[]::new));

            assertThat(result.exitCode()).as(result.err()).isIn(64, 69, 77);
            assertThat(result.err()).startsWith("dmutex: ").hasLineCount(1);
            assertThat(result.out() + result.err()).doesNotContain(password);
        });
    }

    @Test
    void aUriIsTakenOrRefusedAsDocumented() throws Exception {
        Fuzz.rounds(200, input -> {
            // Odd ones fail as URIs at once; plain ones get as far as to Lettuce.
            String password =
                    input.note("pw" + (input.oneIn(2) ? input.text(4, 20) : "plain" + input.below(1000)) + "wp");
            String uri =
                    input.note(input.oneOf(List.of("redis://", "rediss://", "redis-sentinel://", "redis-socket://", ""))
                            + (input.oneIn(2) ? input.text(0, 10) : "user") + ":" + password + "@"
                            + input.oneOf(List.of("", NOWHERE, "127.0.0.1"))
                            + input.oneOf(List.of(
                                    input.text(0, 20), "/x", ":x", ":99999", "?timeout=x", "_:x", "/99999999999")));
            RedisMutex.Builder builder = RedisMutex.builder().commandTimeout(Duration.ofMillis(10));
            try {
                builder.uri(uri);
            } catch (IllegalArgumentException e) {
                assertThat(everythingOf(e)).contains("not a Redis URI").doesNotContain(password);
            }
        });
    }

    @Test
    void aPortOrDatabaseOutOfRangeIsRefusedAsDocumented() {
        for (String end : List.of(":99999", ":0", ":65536", ":2147483648", ":1/99999999999", ":1?database=-1")) {
            assertThatCode(() -> {
                        try {
                            RedisMutex.connect("redis://:s3cret@127.0.0.1" + end)
                                    .close();
                        } catch (StoreException | IllegalArgumentException documented) {
                            assertThat(everythingOf(documented)).doesNotContain("s3cret");
                        }
                    })
                    .as(end)
                    .doesNotThrowAnyException();
        }
    }

    private static String everythingOf(Throwable failure) {
        StringWriter everything = new StringWriter();
        failure.printStackTrace(new PrintWriter(everything, true));
        return everything.toString();
    }
}
