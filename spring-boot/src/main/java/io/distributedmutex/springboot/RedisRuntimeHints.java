package io.distributedmutex.springboot;

import org.jspecify.annotations.Nullable;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;

/** What the store on Redis looks up by name, for a native image. */
final class RedisRuntimeHints implements RuntimeHintsRegistrar {

    @Override
    public void registerHints(RuntimeHints hints, @Nullable ClassLoader classLoader) {
        hints.resources().registerPattern("io/distributedmutex/redis/scripts/*.lua");
        hints.reflection().registerTypeIfPresent(classLoader, "io.lettuce.core.MaintNotificationsConfig");
    }
}
