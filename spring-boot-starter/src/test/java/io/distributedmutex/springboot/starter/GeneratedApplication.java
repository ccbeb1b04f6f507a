package io.distributedmutex.springboot.starter;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * An application that somebody makes from the README: its service, with a counter in the place of the comment, behind HTTP. It is
 * written into a folder and compiled there, and it runs with what the starter brings, beside Boot's starters for the web, for
 * Actuator and for JDBC.
 */
final class GeneratedApplication {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    /** The README's example of a service. */
    private static final Pattern SERVICE =
            Pattern.compile("```java\n((?:(?!```).)*@Service\nclass Settings \\{.*?)```", Pattern.DOTALL);

    /** What tests bring, and an application has not. */
    private static final Pattern OF_TESTS = Pattern.compile(".*/(test-classes"
            + "|(testkit|test-support)/target/classes"
            + "|distributed-mutex-(testkit|test-support)-[^/]*\\.jar)");

    /** What an application has only if it asks for it: see {@link #withDevTools}. */
    private static final Pattern DEV_TOOLS = Pattern.compile(".*/spring-boot-devtools-[^/]*\\.jar");

    private static final String PACKAGE = "com.example.tenants";

    private static final String APPLICATION = """
            package com.example.tenants;

            import org.springframework.boot.SpringApplication;
            import org.springframework.boot.autoconfigure.SpringBootApplication;
            import org.springframework.jdbc.core.JdbcTemplate;
            import org.springframework.stereotype.Component;
            import org.springframework.transaction.annotation.Transactional;
            import org.springframework.web.bind.annotation.*;

            @SpringBootApplication
            @RestController
            public class Application {

                private final Settings settings;
                private final Counter counter;

                Application(Settings settings, Counter counter) {
                    this.settings = settings;
                    this.counter = counter;
                }

                public static void main(String[] arguments) {
                    SpringApplication.run(Application.class, arguments);
                }

                @PostMapping("/locked/{tenant}/{id}")
                void locked(@PathVariable int tenant, @PathVariable String id, @RequestParam long thinkMillis) {
                    settings.update(tenant, id, thinkMillis);
                }

                @PostMapping("/unlocked/{tenant}/{id}")
                void unlocked(@PathVariable int tenant, @PathVariable String id, @RequestParam long thinkMillis) {
                    counter.increment(tenant, id, thinkMillis);
                }
            }

            /** Reads, thinks, writes: whoever does that at the same time as another loses the other's increment. */
            @Component
            class Counter {

                private final JdbcTemplate jdbc;

                Counter(JdbcTemplate jdbc) {
                    this.jdbc = jdbc;
                }

                @Transactional
                public void increment(int tenant, String id, long thinkMillis) {
                    int before = jdbc.queryForObject("SELECT n FROM counter WHERE tenant = ?", Integer.class, tenant);
                    try {
                        Thread.sleep(thinkMillis);
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    jdbc.update("INSERT INTO done VALUES (?, ?)", tenant, id);
                    jdbc.update("UPDATE counter SET n = ? WHERE tenant = ?", before + 1, tenant);
                }
            }
            """;

    private final Path folder;
    private final List<String> classPath;

    private GeneratedApplication(Path folder, List<String> classPath) {
        this.folder = folder;
        this.classPath = classPath;
    }

    /** Writes and compiles it. */
    static GeneratedApplication in(Path folder, String... properties) throws IOException {
        Path classes = Files.createDirectories(folder.resolve("classes"));
        Files.write(classes.resolve("application.properties"), List.of(properties));
        List<String> libraries = libraries(entry -> !DEV_TOOLS.matcher(entry).matches());
        Path settings = source(folder, "Settings", "package " + PACKAGE + ";\n\n" + service());
        Path application = source(folder, "Application", APPLICATION);
        compile(List.of(settings, application), libraries, classes);
        return new GeneratedApplication(
                folder,
                Stream.concat(Stream.of(classes.toString()), libraries.stream()).toList());
    }

    private static Path source(Path folder, String name, String text) throws IOException {
        Path file = Files.createDirectories(folder.resolve("src")).resolve(name + ".java");
        return Files.writeString(file, text);
    }

    private static List<String> libraries(Predicate<String> wanted) {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !OF_TESTS.matcher(entry.replaceFirst("/$", "")).matches())
                .filter(wanted)
                .toList();
    }

    /** The same with another class of its package, and with DevTools, which restart it when a file in {@link #classes} changes. */
    GeneratedApplication withDevTools(String name, String text) throws IOException {
        List<String> all = new ArrayList<>(classPath);
        List<String> devTools = libraries(entry -> DEV_TOOLS.matcher(entry).matches());
        assertThat(devTools).hasSize(1);
        all.addAll(devTools);
        compile(List.of(source(folder, name, text)), all, classes());
        return new GeneratedApplication(folder, all);
    }

    /** Where its classes and properties are. */
    Path classes() {
        return folder.resolve("classes");
    }

    /** The README's class, with something to do. */
    private static String service() throws IOException {
        Matcher example = SERVICE.matcher(Files.readString(ROOT.resolve("README.md")));
        assertThat(example.find()).as("the README's service").isTrue();
        String service = example.group(1);
        service = replaced(service, "class Settings \\{\n", """
                class Settings {

                    private final Counter counter;

                    Settings(Counter counter) {
                        this.counter = counter;
                    }
                """);
        service = replaced(service, "\\(int tenant\\)", "(int tenant, String id, long thinkMillis)");
        return replaced(service, "// [^\n]*", "counter.increment(tenant, id, thinkMillis);");
    }

    private static String replaced(String text, String part, String by) {
        assertThat(Pattern.compile(part).matcher(text).results())
                .as("'%s' in the README's service:\n%s", part, text)
                .hasSize(1);
        return text.replaceFirst(part, by);
    }

    private static void compile(List<Path> files, List<String> libraries, Path classes) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter messages = new StringWriter();
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
            boolean compiled = compiler.getTask(
                            messages,
                            manager,
                            null,
                            // As Boot's own parent does for all applications.
                            List.of(
                                    "-parameters",
                                    "-proc:none",
                                    "-cp",
                                    String.join(File.pathSeparator, libraries),
                                    "-d",
                                    classes.toString()),
                            null,
                            manager.getJavaFileObjectsFromPaths(files))
                    .call();
            assertThat(compiled).as(messages.toString()).isTrue();
        }
    }

    /** Starts an instance; {@link ApplicationProcess#awaitStart} waits for it. */
    ApplicationProcess start(String name, Map<String, String> environment, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                String.join(File.pathSeparator, classPath),
                PACKAGE + ".Application"));
        Stream.concat(
                        Stream.of("--server.port=0", "--server.address=127.0.0.1", "--spring.application.name=" + name),
                        Arrays.stream(arguments))
                .forEach(command::add);
        Path log = folder.resolve(name + ".log");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        return new ApplicationProcess(name, builder.start(), log);
    }
}
