package io.distributedmutex.verification.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
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
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** The Java of README, docs and Javadoc compiles against the library as it is, and links and names lead somewhere. */
class DocsTest {

    @TempDir
    Path classes;

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    private static final Pattern JAVA_BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

    private static final Pattern JAVADOC_BLOCK = Pattern.compile("<pre>\\{@code\n(.*?)\\}</pre>", Pattern.DOTALL);

    /** An example that declares types, and is not what stands in a method. */
    private static final Pattern DECLARATION = Pattern.compile("(?m)^(final |abstract )?(class|@?interface|record) ");

    private static final Pattern LINK = Pattern.compile("]\\(([^)#:]*)(?:#([^):]*))?\\)");

    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");

    /** A module, what it brings, and what it works with. */
    private static final Pattern BROUGHT = Pattern.compile("(?m)^\\| `([a-z-]+)` \\| (.*?) \\|(.*)\\|$");

    /** A page of the docs that code, scripts or other pages name. */
    private static final Pattern NAMED_PAGE = Pattern.compile("\\bdocs/[\\w/-]+\\.(md|svg|csv)");

    /** A class, and maybe one of its members, whose name may be cut off. */
    private static final Pattern NAMED_MEMBER = Pattern.compile("`([A-Z]\\w*)(?:\\.([a-z]\\w*)(\\.\\.\\.)?)?");

    /** What the pages mean by them is not ours: Hibernate's session. */
    private static final Set<String> NAMES_OF_OTHERS = Set.of("Session");

    private static final int LONGEST_LINE = 100;

    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();

    /** Shared, so that the jars are opened once, and not for each example. */
    private static final StandardJavaFileManager JARS = COMPILER.getStandardFileManager(null, null, null);

    private static final String IMPORTS = """
            import static java.time.Duration.*;
            import static org.jooq.impl.DSL.field;
            import static org.jooq.impl.DSL.table;
            import static org.junit.jupiter.api.Assertions.*;

            import io.distributedmutex.*;
            import io.distributedmutex.http.*;
            import io.distributedmutex.jdbc.*;
            import io.distributedmutex.micrometer.*;
            import io.distributedmutex.redis.FencedWrites;
            import io.distributedmutex.redis.HeldWrites;
            import io.distributedmutex.redis.RedisMutex;
            import io.distributedmutex.spi.*;
            import io.distributedmutex.spring.*;
            import io.distributedmutex.testkit.*;
            import io.distributedmutex.testkit.FaultyLockStore.Operation;
            import io.distributedmutex.testkit.contract.*;
            import io.distributedmutex.testkit.junit.*;
            import io.distributedmutex.testkit.memory.*;
            import io.distributedmutex.testkit.proxy.*;
            import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
            import io.distributedmutex.testkit.server.*;
            import io.lettuce.core.api.sync.RedisCommands;
            import io.micrometer.core.instrument.Meter;
            import io.micrometer.core.instrument.MeterRegistry;
            import io.micrometer.core.instrument.Tags;
            import io.micrometer.core.instrument.config.MeterFilter;
            import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
            import io.micrometer.observation.ObservationRegistry;
            import java.lang.annotation.*;
            import java.net.http.HttpRequest;
            import java.time.Duration;
            import java.util.*;
            import java.util.concurrent.CompletableFuture;
            import java.util.concurrent.CompletionStage;
            import java.util.concurrent.locks.Lock;
            import java.util.concurrent.locks.LockSupport;
            import org.jspecify.annotations.Nullable;
            import org.junit.jupiter.api.Test;
            import org.slf4j.Logger;
            import org.springframework.context.annotation.*;
            import org.springframework.core.annotation.AliasFor;
            import org.springframework.scheduling.annotation.Scheduled;
            import org.springframework.stereotype.Service;
            import org.springframework.transaction.annotation.Transactional;
            import org.springframework.web.client.RestClient;
            import reactor.core.publisher.Mono;

            """;

    /** What examples take for granted: the application's own things, and what an earlier example made. */
    private static final String BEFORE = """
            public class Snippet {
                public static class Row {}

                public interface Accounts {
                    void update(Row row);

                    void update(Row row, long fencingToken) throws java.io.IOException;
                }

                public void snippet(DistributedMutex given, Lease givenLease, ManualTime givenTime, JdbcFence givenFence,
                        java.sql.Connection givenConnection, javax.sql.DataSource dataSource, org.jooq.DSLContext dsl,
                        jakarta.persistence.EntityManager entityManager, RedisCommands<String, String> commands,
                        java.net.http.HttpClient client, java.net.URI uri, Accounts accounts, Row row, List<Row> rows, Logger log,
                        Logger logger, MeterRegistry registry, ObservationRegistry observations, int tenantId)
                        throws Exception {
            """;

    @Test
    void everyExampleOfThePagesCompiles() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(ROOT.resolve("README.md")));
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(page -> page.toString().endsWith(".md")).sorted().forEach(pages::add);
        }
        int examples = 0;
        for (Path page : pages) {
            for (String example : examples(page)) {
                assertThat(errors(example)).as("%s: %s", page, example).isEmpty();
                examples++;
            }
        }
        assertThat(examples).isGreaterThanOrEqualTo(8);
    }

    @Test
    void everyExampleOfTheJavadocCompiles() throws IOException {
        int examples = 0;
        for (String module : List.of("core", "redis", "jdbc", "http", "micrometer", "spring", "testkit")) {
            for (Path source : filesBelow(ROOT.resolve(module).resolve("src/main/java"), Set.of("java"))) {
                Matcher blocks = JAVADOC_BLOCK.matcher(Files.readString(source));
                while (blocks.find()) {
                    String example = blocks.group(1).replaceAll("(?m)^ +\\* ?", "");
                    assertThat(errors(example)).as("%s: %s", source, example).isEmpty();
                    examples++;
                }
            }
        }
        assertThat(examples).isGreaterThanOrEqualTo(5);
    }

    /** The first test that a newcomer writes: nobody but the one thread is there to move the clock. */
    @Test
    @Timeout(60)
    void theTestWithoutRedisRunsToItsEnd() throws Exception {
        String snippet = examples(ROOT.resolve("README.md")).stream()
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
            Object[] nothing = new Object[body.getParameterCount()];
            nothing[nothing.length - 1] = 0;
            body.invoke(test, nothing);
        }
    }

    @Test
    void anExampleThatDoesNotFitTheLibraryIsFound() {
        assertThat(errors("mutex.acquireQuickly(\"k\");")).isNotEmpty();
        assertThat(errors("class Half implements LockStore {}")).isNotEmpty();
    }

    @Test
    void everyLocalLinkLeadsToAFileAndAHeading() throws IOException {
        for (Path page : pages()) {
            for (MatchResult link :
                    LINK.matcher(Files.readString(page)).results().toList()) {
                Path target = link.group(1).isEmpty() ? page : page.resolveSibling(link.group(1));
                assertThat(target).as("linked from %s", page).exists();
                if (link.group(2) != null) {
                    assertThat(anchors(Files.readString(target)))
                            .as("%s, linked from %s", target, page)
                            .contains(link.group(2));
                }
            }
        }
    }

    @Test
    void aHeadingIsFoundByTheAnchorThatGitHubGivesIt() {
        assertThat(anchors("# A client of the application's own\ntext\n## `x`: what (and why)?\n"))
                .containsExactlyInAnyOrder("a-client-of-the-applications-own", "x-what-and-why");
    }

    @Test
    void everyPageThatIsNamedInCodeIsThere() throws IOException {
        for (Path file : filesBelow(ROOT, Set.of("java", "lua", "md"))) {
            for (MatchResult named :
                    NAMED_PAGE.matcher(Files.readString(file)).results().toList()) {
                assertThat(ROOT.resolve(named.group())).as("named in %s", file).exists();
            }
        }
    }

    /** Such as {@code KeyQueue.handOn}, and the class of a test, such as {@code KeyQueueTest}. */
    @Test
    void everyMemberOfAClassThatAPageNamesIsThere() throws IOException {
        Map<String, String> sources = new HashMap<>();
        for (Path file : filesBelow(ROOT, Set.of("java"))) {
            sources.merge(
                    file.getFileName().toString().replace(".java", ""),
                    Files.readString(file),
                    (one, other) -> one + other);
        }
        int members = 0;
        for (Path page : pages()) {
            for (MatchResult named : NAMED_MEMBER.matcher(prose(page)).results().toList()) {
                String source = sources.get(named.group(1));
                if (named.group(1).endsWith("Test") && named.group(1).length() > "Test".length()) {
                    assertThat(source)
                            .as("the class of %s in %s", named.group(), page)
                            .isNotNull();
                }
                if (source != null && named.group(2) != null && !NAMES_OF_OTHERS.contains(named.group(1))) {
                    members++;
                    // Three dots stand for the rest of a long name.
                    assertThat(source)
                            .as("the source of %s in %s", named.group(), page)
                            .containsPattern("\\b" + named.group(2) + (named.group(3) == null ? "\\b" : ""));
                }
            }
        }
        assertThat(members).isGreaterThan(100);
    }

    @Test
    void noLineOfProseIsTooLong() throws IOException {
        for (Path page : pages()) {
            assertThat(prose(page).lines().filter(line -> !line.startsWith("|") && !line.startsWith("    ")))
                    .as("lines of %s", page)
                    .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(LONGEST_LINE));
        }
    }

    @Test
    void thePageOnTheContractCountsItsTests() throws IOException {
        Path contract = ROOT.resolve("testkit/src/main/java/io/distributedmutex/testkit/contract");
        String page = Files.readString(ROOT.resolve("docs/writing-a-store.md"));
        int all = 0;
        for (Path file : filesBelow(contract, Set.of("java"))) {
            int tests = Files.readString(file).split("@Test\\b").length - 1;
            all += tests;
            if (tests > 0) {
                assertThat(page)
                        .contains("| `" + file.getFileName().toString().replace(".java", "") + "` | " + tests + " |");
            }
        }
        assertThat(page).contains("The contract has " + all + " tests.");
    }

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        for (String page : List.of("README.md", "CONTRIBUTING.md", "CHANGELOG.md")) {
            pages.add(ROOT.resolve(page));
        }
        pages.addAll(filesBelow(ROOT.resolve("docs"), Set.of("md")));
        return pages;
    }

    /** A page without its blocks of code. */
    private static String prose(Path page) throws IOException {
        return Files.readString(page).replaceAll("(?s)```.*?```", "");
    }

    @Test
    void theTableOfWhatEachModuleBringsIsThatOfItsPom() throws Exception {
        String page = Files.readString(ROOT.resolve("docs/internals/architecture.md"));
        List<String> modules = new ArrayList<>();
        for (MatchResult row : BROUGHT.matcher(
                        page.substring(page.indexOf("### What each module brings"), page.indexOf("## Threads")))
                .results()
                .toList()) {
            String module = row.group(1);
            modules.add(module);
            // What stands in brackets is left out of what is brought.
            assertThat(names(row.group(2).replaceAll("\\(.*?\\)", "")))
                    .as(module)
                    .isEqualTo(dependencies(module, false));
            assertThat(names(row.group(3))).as(module).isEqualTo(dependencies(module, true));
        }
        assertThat(modules)
                .containsExactly(
                        "core", "redis", "spring", "micrometer", "jdbc", "http", "spring-boot", "spring-boot-starter");
    }

    private static Set<String> names(String cell) {
        return Pattern.compile("`(.*?)`")
                .matcher(cell)
                .results()
                .map(name -> name.group(1))
                .collect(Collectors.toSet());
    }

    /** The artifacts that a POM names and tests do not need alone, ours by their modules. */
    private static Set<String> dependencies(String module, boolean isOptional) throws Exception {
        NodeList all = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(ROOT.resolve(module).resolve("pom.xml").toFile())
                .getElementsByTagName("dependency");
        Set<String> names = new HashSet<>();
        for (int i = 0; i < all.getLength(); i++) {
            Element each = (Element) all.item(i);
            String scope = text(each, "scope");
            boolean isBesides = text(each, "optional").equals("true") || scope.equals("provided");
            if (!scope.equals("test") && !scope.equals("import") && isBesides == isOptional) {
                names.add(text(each, "artifactId").replace("distributed-mutex-", ""));
            }
        }
        return names;
    }

    private static String text(Element element, String name) {
        NodeList found = element.getElementsByTagName(name);
        return found.getLength() == 0 ? "" : found.item(0).getTextContent();
    }

    private static List<Path> filesBelow(Path folder, Set<String> extensions) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> !file.toString().contains(File.separator + "target" + File.separator))
                    .filter(file -> extensions.contains(file.toString().replaceFirst(".*\\.", "")))
                    .filter(Files::isRegularFile)
                    .toList();
        }
    }

    private static Set<String> anchors(String page) {
        return HEADING.matcher(page)
                .results()
                .map(heading -> heading.group(1)
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N}_ -]", "")
                        .strip()
                        .replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    private static List<String> examples(Path page) throws IOException {
        return JAVA_BLOCK
                .matcher(Files.readString(page))
                .results()
                .map(block -> block.group(1))
                .toList();
    }

    private List<String> errors(String example) {
        if (DECLARATION.matcher(example).find()) {
            return compile(IMPORTS + example);
        }
        // An example that makes its own mutex, lease or clock must be able to.
        String given = (example.contains("DistributedMutex mutex =") ? "" : "DistributedMutex mutex = given;\n")
                + (example.contains("Lease lease =") || example.contains("lease ->")
                        ? ""
                        : "Lease lease = givenLease;\n")
                + (example.contains("ManualTime time =") ? "" : "ManualTime time = givenTime;\n")
                + (example.contains("JdbcFence fence =") ? "" : "JdbcFence fence = givenFence;\n")
                + (example.contains("var connection =") ? "" : "java.sql.Connection connection = givenConnection;\n");
        return compile(IMPORTS + BEFORE + given + example + "}}");
    }

    /** Also sees what was compiled before it in the same test. */
    private List<String> compile(String source) {
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///Snippet.java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
        String classPath = System.getProperty("java.class.path") + File.pathSeparator + classes;
        COMPILER.getTask(
                        new StringWriter(),
                        JARS,
                        diagnostics,
                        List.of("-proc:none", "-cp", classPath, "-d", classes.toString(), "-Xlint:none"),
                        null,
                        List.of(file))
                .call();
        return diagnostics.getDiagnostics().stream()
                .filter(found -> found.getKind() == Diagnostic.Kind.ERROR)
                .map(Object::toString)
                .toList();
    }
}
