package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.aot.generate.ClassNameGenerator;
import org.springframework.aot.generate.DefaultGenerationContext;
import org.springframework.aot.generate.GeneratedFiles.Kind;
import org.springframework.aot.generate.InMemoryGeneratedFiles;
import org.springframework.aot.hint.MemberCategory;
import org.springframework.aot.hint.TypeHint;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.aot.ApplicationContextAotGenerator;
import org.springframework.javapoet.ClassName;

/** What Spring prepares ahead of time, for a native image or not, without the properties of the place where it will run. */
class LockHintsTest {

    @Configuration
    @EnableDistributedLocks
    static class Mutex {
        @Bean(destroyMethod = "close")
        DistributedMutex mutex() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }
    }

    static class Reports {
        @DistributedLock(name = "${only.where.it.runs}", waitTime = "${wait.there}")
        public void daily() {}
    }

    @Test
    void aContextCanBePreparedAheadOfTime() throws Exception {
        AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
        context.register(Mutex.class, Reports.class);
        InMemoryGeneratedFiles files = new InMemoryGeneratedFiles();
        DefaultGenerationContext generation =
                new DefaultGenerationContext(new ClassNameGenerator(ClassName.get(LockHintsTest.class)), files);

        new ApplicationContextAotGenerator().processAheadOfTime(context, generation);
        generation.writeGeneratedContent();

        assertThat(RuntimeHintsPredicates.reflection()
                        .onType(LockKey.Call.class)
                        .withMemberCategory(MemberCategory.INVOKE_PUBLIC_METHODS))
                .accepts(generation.getRuntimeHints());
        TypeHint reports = generation.getRuntimeHints().reflection().getTypeHint(Reports.class);
        assertThat(reports).isNotNull();
        assertThat(reports.methods()).anyMatch(method -> method.getName().equals("daily"));
        Map<String, ?> sources = files.getGeneratedFiles(Kind.SOURCE);
        assertThat(sources.keySet())
                .anyMatch(file -> file.endsWith("DistributedLockConfiguration__BeanDefinitions.java"));
    }
}
