package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.spring.DistributedLock;
import io.distributedmutex.spring.EnableDistributedLocks;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.aop.Advisor;
import org.springframework.aop.framework.Advised;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.aop.AopAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

class LockAnnotationTest {

    private final ApplicationContextRunner application = new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(
                    AopAutoConfiguration.class,
                    DistributedMutexAutoConfiguration.class,
                    DistributedLockAutoConfiguration.class))
            .withBean(
                    DistributedMutex.class,
                    () -> DistributedMutex.builder(new InMemoryLockStore()).build());

    static class Reports {

        private final DistributedMutex mutex;

        Reports(DistributedMutex mutex) {
            this.mutex = mutex;
        }

        @DistributedLock(key = "'report:' + #day")
        List<String> held(String day) {
            return mutex.status().held().stream().map(held -> held.key()).toList();
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Annotated {

        @Bean
        Reports reports(DistributedMutex mutex) {
            return new Reports(mutex);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableDistributedLocks(order = 7)
    static class Enabled {}

    @Test
    void anAnnotatedMethodRunsUnderItsLock() {
        application.withUserConfiguration(Annotated.class).run(context -> {
            assertThat(context.getBean(Reports.class).held("monday")).containsExactly("report:monday");
            assertThat(context.getBean(DistributedMutex.class).status().held()).isEmpty();
        });
    }

    @Test
    void whatTheApplicationEnablesItselfIsNotThereTwice() {
        application.withUserConfiguration(Annotated.class, Enabled.class).run(context -> {
            Reports reports = context.getBean(Reports.class);
            assertThat(reports.held("monday")).containsExactly("report:monday");
            Advisor[] advisors = ((Advised) reports).getAdvisors();
            assertThat(advisors).hasSize(1);
            assertThat(((Ordered) advisors[0]).getOrder()).isEqualTo(7);
        });
    }
}
