package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.aot.test.generate.TestGenerationContext;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.util.TestPropertyValues;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.aot.ApplicationContextAotGenerator;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.io.Resource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;
import org.springframework.core.test.tools.CompileWithForkedClassLoader;
import org.springframework.core.test.tools.TestCompiler;
import org.springframework.javapoet.ClassName;

/** An application that is prepared ahead of time, as for a native image. */
class AheadOfTimeTest {

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Application {}

    @Test
    @CompileWithForkedClassLoader
    void thePreparedApplicationLocksAndItsHintsNameAllScripts() {
        TestGenerationContext generated = new TestGenerationContext();
        AnnotationConfigApplicationContext source = new AnnotationConfigApplicationContext();
        source.register(Application.class);
        ClassName initializer = new ApplicationContextAotGenerator().processAheadOfTime(source, generated);
        generated.writeGeneratedContent();

        try (EmbeddedRedis redis = EmbeddedRedis.start()) {
            TestCompiler.forSystem().with(generated).compile(compiled -> {
                GenericApplicationContext application = new GenericApplicationContext();
                TestPropertyValues.of(
                                "distributed-mutex.redis.uri=" + redis.uri(),
                                "distributed-mutex.lease-time=7h",
                                "distributed-mutex.redis.command-timeout=30s")
                        .applyTo(application);
                instance(compiled.getInstance(ApplicationContextInitializer.class, initializer.toString()))
                        .initialize(application);
                application.refresh();
                try (application;
                        Lease lease =
                                application.getBean(DistributedMutex.class).acquire("k")) {
                    assertThat(lease.remaining()).isBetween(Duration.ofHours(6), Duration.ofHours(7));
                }
            });
        }
        allScriptsAreIn(generated.getRuntimeHints());
    }

    @SuppressWarnings("unchecked")
    private static ApplicationContextInitializer<GenericApplicationContext> instance(Object initializer) {
        return (ApplicationContextInitializer<GenericApplicationContext>) initializer;
    }

    private static void allScriptsAreIn(RuntimeHints hints) {
        try {
            Resource[] scripts = new PathMatchingResourcePatternResolver()
                    .getResources("classpath*:io/distributedmutex/redis/**/*.lua");
            assertThat(scripts).hasSizeGreaterThan(5).allSatisfy(script -> {
                String path = script.getURL().toString().replaceFirst(".*(?=io/distributedmutex/redis/)", "");
                assertThat(RuntimeHintsPredicates.resource().forResource(path)).accepts(hints);
            });
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
