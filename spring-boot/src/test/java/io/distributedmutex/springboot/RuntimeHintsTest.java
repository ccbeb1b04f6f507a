package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.redis.RedisMutex;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.core.io.Resource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;

class RuntimeHintsTest {

    @Test
    void aNativeImageHasAllScripts() throws IOException {
        RuntimeHints hints = new RuntimeHints();
        new RedisRuntimeHints().registerHints(hints, RedisMutex.class.getClassLoader());

        Resource[] scripts =
                new PathMatchingResourcePatternResolver().getResources("classpath*:io/distributedmutex/redis/**/*.lua");
        assertThat(scripts).hasSizeGreaterThan(5).allSatisfy(script -> {
            String path = script.getURL().toString().replaceFirst(".*(?=io/distributedmutex/redis/)", "");
            assertThat(RuntimeHintsPredicates.resource().forResource(path)).accepts(hints);
        });
    }
}
