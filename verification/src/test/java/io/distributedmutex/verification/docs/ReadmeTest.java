package io.distributedmutex.verification.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The README's Java compiles against the library as it is, and its links lead somewhere. */
class ReadmeTest {

    @TempDir
    Path classes;

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    /** What the snippets take for granted: the application's own things, and what an earlier snippet made. */
    private static final String BEFORE = """
            import static org.junit.jupiter.api.Assertions.*;

            import io.distributedmutex.*;
            import io.distributedmutex.redis.RedisMutex;
            import io.distributedmutex.testkit.*;
            import io.distributedmutex.testkit.memory.*;
            import java.time.Duration;
            import java.util.*;
            import java.util.concurrent.CompletableFuture;
            import java.util.concurrent.locks.Lock;
            import org.slf4j.Logger;

            public class Snippet {
                public static class Row {}

                public interface Accounts {
                    void update(Row row);

                    void update(Row row, long fencingToken) throws java.io.IOException;
                }

                public void snippet(DistributedMutex given, Lease givenLease, Accounts accounts, Row row, List<Row> rows,
                        Logger log, Logger logger, int tenantId) throws Exception {
            """;

    @Test
    void everySnippetCompiles() throws IOException {
        List<String> snippets = snippets();
        assertThat(snippets).hasSizeGreaterThanOrEqualTo(5);
        for (String snippet : snippets) {
            assertThat(errors(snippet)).as(snippet).isEmpty();
        }
    }

    /** The first test that a newcomer writes: nobody but the one thread is there to move the clock. */
    @Test
    @Timeout(60)
    void theTestWithoutRedisRunsToItsEnd() throws Exception {
        String snippet = snippets().stream()
                .filter(text -> text.contains("ManualTime"))
                .findFirst()
                .orElseThrow();
        assertThat(errors(snippet)).isEmpty();
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {classes.toUri().toURL()})) {
            Object test = loader.loadClass("Snippet").getConstructor().newInstance();
            Method body = Arrays.stream(test.getClass().getMethods())
                    .filter(method -> method.getName().equals("snippet"))
                    .findFirst()
                    .orElseThrow();
            body.invoke(test, null, null, null, null, null, null, null, 0);
        }
    }

    @Test
    void aSnippetThatDoesNotFitTheLibraryIsFound() {
        assertThat(errors("mutex.acquireQuickly(\"k\");")).isNotEmpty();
    }

    @Test
    void everyLocalLinkOfTheDocsLeadsToAFile() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")));
        try (var docs = Files.walk(ROOT.resolve("docs"))) {
            docs.filter(page -> page.toString().endsWith(".md")).forEach(pages::add);
        }
        for (Path page : pages) {
            Matcher links = Pattern.compile("]\\(([^)#:]+)(#[^)]*)?\\)").matcher(Files.readString(page));
            while (links.find()) {
                assertThat(page.resolveSibling(links.group(1)))
                        .as("linked from %s", page)
                        .exists();
            }
        }
    }

    private static List<String> snippets() throws IOException {
        List<String> found = new ArrayList<>();
        Matcher blocks = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
                .matcher(Files.readString(ROOT.resolve("README.md")));
        while (blocks.find()) {
            found.add(blocks.group(1));
        }
        return found;
    }

    private List<String> errors(String snippet) {
        // A snippet that makes its own mutex or lease must be able to.
        String given = (snippet.contains("DistributedMutex mutex =") ? "" : "DistributedMutex mutex = given;\n")
                + (snippet.contains("Lease lease =") || snippet.contains("lease ->")
                        ? ""
                        : "Lease lease = givenLease;\n");
        String source = BEFORE + given + snippet + "}}";
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///Snippet.java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
        compiler.getTask(
                        new StringWriter(),
                        null,
                        diagnostics,
                        List.of("-proc:none", "-d", classes.toString(), "-implicit:none", "-Xlint:none"),
                        null,
                        List.of(file))
                .call();
        return diagnostics.getDiagnostics().stream()
                .filter(found -> found.getKind() == Diagnostic.Kind.ERROR)
                .map(Object::toString)
                .toList();
    }
}
