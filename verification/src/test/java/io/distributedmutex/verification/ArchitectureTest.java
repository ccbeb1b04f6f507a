package io.distributedmutex.verification;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ArchitectureTest {

    private static final String BASE = "io.distributedmutex";
    private static final String BROKEN = BASE + ".verification.broken";

    private static final JavaClasses OURS = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(BASE);
    private static final JavaClasses BROKEN_EXAMPLES = new ClassFileImporter().importPackages(BROKEN);

    /** For each rule, what it must say of the broken examples. */
    private static final Map<String, List<String>> MUST_BE_FOUND = Map.ofEntries(
            entry("core knows the JDK, SLF4J and JSpecify alone", List.of("CoreThatKnowsRedis")),
            entry("redis knows neither testkit nor cli nor a test library", List.of("RedisThatKnowsTheCli")),
            entry("testkit knows core, JUnit and no other test library", List.of("TestkitThatAsserts")),
            entry("nothing but the lab knows the cli", List.of("RedisThatKnowsTheCli")),
            entry("the cli does not carry the laboratory", List.of("ToolWithAServer")),
            entry("nothing knows the lab", List.of("ToolWithADemo")),
            entry("the SPI knows nothing internal", List.of("SpiThatKnowsTheEngine")),
            entry("packages have no cycles", List.of("Cycle detected")),
            entry("the engine's classes stand on floors", List.of("Cycle detected", "Upstairs", "Downstairs")),
            entry("public types cannot be extended by accident", List.of("OpenToExtension", "OpenContract")),
            entry(
                    "nothing internal is exposed",
                    List.of(
                            "Exposing mentions",
                            "Exposing.field mentions",
                            "Exposing.<init>(",
                            "Exposing.takes(",
                            "Exposing.gives() mentions",
                            "Exposing.givesMany() mentions",
                            "Exposing.fails() mentions",
                            "Exposing.generic() mentions",
                            "Exposing$Nested.gives() mentions")),
            entry("no package is named util", List.of("util.Strings")),
            entry(
                    "names say what a thing is",
                    List.of("ThingImpl", "ThingUtils", "ThingHelper", "ThingManager", "BaseThing")),
            entry("packages are null-marked", List.of("broken.util.Strings")),
            entry(
                    ArchitectureRules.NOT_THE_COMMON_POOL,
                    List.of("Pooled.runs()", "Pooled.supplies()", "Pooled.takes()")));

    @ParameterizedTest
    @MethodSource("rules")
    void holds(String rule) {
        new ArchitectureRules(BASE).all().get(rule).check(OURS);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void canFail(String rule) {
        ArchRule sameRuleElsewhere = new ArchitectureRules(BROKEN).all().get(rule);
        List<String> found =
                sameRuleElsewhere.evaluate(BROKEN_EXAMPLES).getFailureReport().getDetails();
        assertThat(MUST_BE_FOUND.get(rule))
                .isNotEmpty()
                .allSatisfy(expected -> assertThat(found).anyMatch(each -> each.contains(expected)));
        assertThat(found).noneMatch(each -> each.contains("Innocent"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".spi",
                ".internal",
                ".redis",
                ".jdbc",
                ".http",
                ".micrometer",
                ".spring",
                ".springboot",
                ".testkit",
                ".testkit.memory",
                ".cli",
                ".lab",
                ".lab.chaos.check"
            })
    void seesTheCodeOfEveryModule(String part) {
        assertThat(OURS.stream())
                .filteredOn(type -> type.getPackageName().equals(BASE + part))
                .extracting(JavaClass::getSimpleName)
                .anyMatch(name -> !name.equals("package-info"));
    }

    /** Tests of the modules that were built together with this one: of the thousands of classes, those that name such a method. */
    @Test
    void noTestRunsOnTheCommonPool() throws IOException {
        List<Path> suspects = new ArrayList<>();
        try (Stream<Path> modules = Files.list(Path.of(".."))) {
            for (Path folder : modules.map(module -> module.resolve("target/test-classes"))
                    .filter(Files::isDirectory)
                    .toList()) {
                try (Stream<Path> files = Files.walk(folder)) {
                    files.filter(file -> file.toString().endsWith(".class"))
                            .filter(ArchitectureTest::namesACommonPool)
                            .forEach(suspects::add);
                }
            }
        }
        JavaClasses tests = new ClassFileImporter()
                .withImportOption(location -> !location.contains("/verification/broken/"))
                .importPaths(suspects);

        assertThat(tests).isNotEmpty();
        new ArchitectureRules(BASE)
                .all()
                .get(ArchitectureRules.NOT_THE_COMMON_POOL)
                .check(tests);
    }

    private static boolean namesACommonPool(Path classFile) {
        try {
            String constants = Files.readString(classFile, StandardCharsets.ISO_8859_1);
            return Stream.of("runAsync", "supplyAsync", "commonPool").anyMatch(constants::contains);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void seesNoTestCode() {
        assertThat(OURS.contain(ArchitectureTest.class)).isFalse();
    }

    private static Set<String> rules() {
        return new ArchitectureRules(BASE).all().keySet();
    }
}
