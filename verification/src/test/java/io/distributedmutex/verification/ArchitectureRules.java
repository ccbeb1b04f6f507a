package io.distributedmutex.verification;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.conditions.ArchPredicates.are;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAnnotation;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The rules of the house that concern which part may know which, and what the outside may see.
 *
 * @param base the package under which the parts live: the real one, or one full of broken examples that shows that
 *     every rule can fail
 */
record ArchitectureRules(String base) {

    /** The rule that holds for tests, too. */
    static final String NOT_THE_COMMON_POOL = "nothing runs on the common pool";

    private static final Pattern BAD_NAME = Pattern.compile(".*(Impl|Utils?|Helpers?|Manager)|Base([A-Z].*)?");

    /** The packages below the base that belong to modules other than core. A new module adds its own here. */
    private static final String[] MODULES_ABOVE_CORE = {
        "redis",
        "jdbc",
        "http",
        "micrometer",
        "spring",
        "springboot",
        "testkit",
        "cli",
        "lab",
        "testing",
        "verification"
    };

    /** Every rule by its name. */
    Map<String, ArchRule> all() {
        Map<String, ArchRule> rules = new LinkedHashMap<>();
        rules.put("core knows the JDK, SLF4J and JSpecify alone", coreStandsAlone());
        rules.put("redis knows neither testkit nor cli nor a test library", redisKnowsNoTool());
        rules.put("testkit knows core, JUnit and no other test library", testkitKnowsCoreAlone());
        rules.put("nothing but the lab knows the cli", onlyTheLabKnowsTheCli());
        rules.put("the cli does not carry the laboratory", cliKnowsNoTestkit());
        rules.put("nothing knows the lab", nothingKnowsTheLab());
        rules.put("the SPI knows nothing internal", spiKnowsNothingInternal());
        rules.put("packages have no cycles", noCycles());
        rules.put("the engine's classes stand on floors", engineHasFloors());
        rules.put("public types cannot be extended by accident", publicTypesAreClosed());
        rules.put("nothing internal is exposed", nothingInternalIsExposed());
        rules.put("no package is named util", noUtilPackage());
        rules.put("names say what a thing is", namesSaySomething());
        rules.put("packages are null-marked", packagesAreNullMarked());
        rules.put(NOT_THE_COMMON_POOL, nothingRunsOnTheCommonPool());
        return rules;
    }

    private ArchRule coreStandsAlone() {
        return classes()
                .that(are(core()))
                .should()
                .onlyDependOnClassesThat(core().or(
                                resideInAnyPackage("java..", "javax..", "jdk.jfr..", "org.slf4j..", "org.jspecify..")));
    }

    private ArchRule redisKnowsNoTool() {
        return noClasses()
                .that()
                .resideInAPackage(module("redis"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        module("testkit"),
                        module("cli"),
                        module("lab"),
                        "org.junit..",
                        "org.assertj..",
                        "redis.embedded..");
    }

    private ArchRule testkitKnowsCoreAlone() {
        return noClasses()
                .that()
                .resideInAPackage(module("testkit"))
                .and()
                // The one class that is loaded only where the tests log through Logback.
                .haveNameNotMatching(".*\\.LogbackWarnings(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        module("redis"), module("cli"), "org.assertj..", "ch.qos.logback..", "com.tngtech..");
    }

    private ArchRule onlyTheLabKnowsTheCli() {
        return noClasses()
                .that()
                .resideOutsideOfPackages(module("cli"), module("lab"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(module("cli"));
    }

    private ArchRule cliKnowsNoTestkit() {
        return noClasses()
                .that()
                .resideInAPackage(module("cli"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(module("testkit"));
    }

    private ArchRule nothingKnowsTheLab() {
        return noClasses()
                .that()
                .resideOutsideOfPackage(module("lab"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(module("lab"));
    }

    private ArchRule spiKnowsNothingInternal() {
        return noClasses()
                .that()
                .resideInAPackage(base + ".spi..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("..internal..");
    }

    private ArchRule noCycles() {
        return slices().assignedFrom(partsThatMayKnowEachOther()).should().beFreeOfCycles();
    }

    /** No class of the engine knows, by whatever way, a class that knows it: who is called back is known by an interface below. */
    private ArchRule engineHasFloors() {
        return slices().assignedFrom(classesOfTheEngine()).should().beFreeOfCycles();
    }

    private ArchRule publicTypesAreClosed() {
        return classes()
                .that(are(visibleOutside()))
                .should(be(
                        "final, sealed, an interface, an enum, a record, an annotation, an exception, a testkit contract or an abstract class of the SPI",
                        ArchitectureRules::isClosed));
    }

    private ArchRule nothingInternalIsExposed() {
        return classes().that(are(visibleOutside())).should(notMentionInternalTypes());
    }

    private ArchRule noUtilPackage() {
        return noClasses().that().resideInAPackage(base + "..").should().resideInAnyPackage("..util..", "..utils..");
    }

    private ArchRule namesSaySomething() {
        return classes()
                .that()
                .resideInAPackage(base + "..")
                .should(be(
                        "named for what they are (no *Impl, *Utils, *Helper, *Manager, Base*)",
                        type -> !BAD_NAME.matcher(type.getSimpleName()).matches()));
    }

    private ArchRule packagesAreNullMarked() {
        return classes()
                .that()
                .resideInAPackage(base + "..")
                .should(be(
                        "in a package marked with @NullMarked",
                        type -> type.getPackage().getAnnotations().stream()
                                .map(JavaAnnotation::getRawType)
                                .anyMatch(annotation ->
                                        annotation.getName().equals("org.jspecify.annotations.NullMarked"))));
    }

    /** On two cores it has one thread: what blocks there keeps all else from starting. */
    private ArchRule nothingRunsOnTheCommonPool() {
        return noClasses()
                .that()
                .resideInAPackage(base + "..")
                .should()
                .callMethod(CompletableFuture.class, "runAsync", Runnable.class)
                .orShould()
                .callMethod(CompletableFuture.class, "supplyAsync", Supplier.class)
                .orShould()
                .callMethod(ForkJoinPool.class, "commonPool");
    }

    private String module(String name) {
        return base + "." + name + "..";
    }

    private DescribedPredicate<JavaClass> core() {
        String[] others = Stream.of(MODULES_ABOVE_CORE).map(this::module).toArray(String[]::new);
        return resideInAPackage(base + "..")
                .and(not(resideInAnyPackage(others)))
                .as("in core");
    }

    /** What a user of the library can name: public all the way up, in a package that its module exports. */
    private DescribedPredicate<JavaClass> visibleOutside() {
        return describe(
                "visible outside",
                type -> isPublicAllTheWayUp(type)
                        && type.getPackageName().startsWith(base)
                        && !isInternal(type)
                        && !resideInAnyPackage(module("cli"), module("lab"), module("testing"))
                                .test(type));
    }

    /**
     * A slice for each package, save that an internal package goes with the one it serves, and that core's API and its
     * SPI speak of each other's types by design.
     */
    private SliceAssignment partsThatMayKnowEachOther() {
        return new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass type) {
                String part = type.getPackageName().replaceFirst("\\.internal(\\..*)?$", "");
                if (!(part + ".").startsWith(base + ".")) {
                    return SliceIdentifier.ignore();
                }
                return SliceIdentifier.of(part.equals(base + ".spi") ? base : part);
            }

            @Override
            public String getDescription() {
                return "packages, an internal one with the one it serves";
            }
        };
    }

    /** A slice for each top-level class of core's internal package, with all that is nested in it. */
    private SliceAssignment classesOfTheEngine() {
        return new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass type) {
                return type.getPackageName().equals(base + ".internal")
                        ? SliceIdentifier.of(type.getName().replaceFirst("\\$.*", ""))
                        : SliceIdentifier.ignore();
            }

            @Override
            public String getDescription() {
                return "the classes of the engine";
            }
        };
    }

    private static boolean isPublicAllTheWayUp(JavaClass type) {
        return type.getModifiers().contains(JavaModifier.PUBLIC)
                && type.getEnclosingClass()
                        .map(ArchitectureRules::isPublicAllTheWayUp)
                        .orElse(true);
    }

    private static boolean isInternal(JavaClass type) {
        return (type.getPackageName() + ".").contains(".internal.");
    }

    private static boolean isClosed(JavaClass type) {
        return type.isInterface()
                || type.isEnum()
                || type.isRecord()
                || type.isAssignableTo(Throwable.class)
                || type.getModifiers().contains(JavaModifier.FINAL)
                || type.reflect().isSealed()
                || isContract(type)
                || isOpenSpi(type);
    }

    /** What who implements the SPI gets from us to extend. */
    private static boolean isOpenSpi(JavaClass type) {
        return type.getModifiers().contains(JavaModifier.ABSTRACT)
                && type.getPackageName().endsWith(".spi");
    }

    private static boolean isContract(JavaClass type) {
        return type.getModifiers().contains(JavaModifier.ABSTRACT)
                && type.getSimpleName().endsWith("Contract")
                && type.getPackageName().contains(".testkit");
    }

    private static ArchCondition<JavaClass> be(String description, java.util.function.Predicate<JavaClass> test) {
        return new ArchCondition<>("be " + description) {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                boolean satisfied = test.test(type);
                String verdict = satisfied ? " is " : " is not ";
                events.add(new SimpleConditionEvent(
                        type,
                        satisfied,
                        type.getName() + verdict + description + " in " + type.getSourceCodeLocation()));
            }
        };
    }

    /** Looks at supertypes, and at what public and protected members take, give, throw and are. */
    private static ArchCondition<JavaClass> notMentionInternalTypes() {
        return new ArchCondition<>("not mention internal types where others can see it") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                Stream<JavaType> above = Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream());
                report(type, type.getName(), Stream.concat(above, boundsOf(type.getTypeParameters().stream())), events);
                type.getMembers().stream()
                        .filter(ArchitectureRules::isVisible)
                        .forEach(member -> report(type, member.getFullName(), typesOf(member), events));
            }

            private void report(JavaClass type, String where, Stream<JavaType> mentioned, ConditionEvents events) {
                mentioned
                        .flatMap(each -> each.getAllInvolvedRawTypes().stream())
                        .filter(ArchitectureRules::isInternal)
                        .map(JavaClass::getName)
                        .distinct()
                        .forEach(internal -> events.add(SimpleConditionEvent.violated(
                                type, where + " mentions " + internal + " in " + type.getSourceCodeLocation())));
            }
        };
    }

    private static boolean isVisible(JavaMember member) {
        return (member.getModifiers().contains(JavaModifier.PUBLIC)
                        || member.getModifiers().contains(JavaModifier.PROTECTED))
                && !member.getModifiers().contains(JavaModifier.SYNTHETIC);
    }

    private static Stream<JavaType> typesOf(JavaMember member) {
        if (member instanceof JavaField field) {
            return Stream.of(field.getType());
        }
        JavaCodeUnit code = (JavaCodeUnit) member;
        Stream<JavaType> signature = Stream.concat(Stream.of(code.getReturnType()), code.getParameterTypes().stream());
        Stream<JavaType> thrown = code.getExceptionTypes().stream().map(JavaType.class::cast);
        return Stream.of(signature, thrown, boundsOf(code.getTypeParameters().stream()))
                .flatMap(each -> each);
    }

    private static Stream<JavaType> boundsOf(
            Stream<? extends com.tngtech.archunit.core.domain.JavaTypeVariable<?>> parameters) {
        return parameters.flatMap(parameter -> parameter.getUpperBounds().stream());
    }
}
