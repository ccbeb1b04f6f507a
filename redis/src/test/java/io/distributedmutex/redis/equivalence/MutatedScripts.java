package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testing.Mutant;
import io.lettuce.core.RedisClient;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Loads the Redis store anew, with a mutant's fault in one of its scripts. */
final class MutatedScripts extends ClassLoader {

    private static final String STORE = RedisLockStore.class.getPackageName() + ".";

    private final Mutant mutant;

    MutatedScripts(Mutant mutant) {
        super(MutatedScripts.class.getClassLoader());
        this.mutant = mutant;
    }

    /** Makes a store of a Lettuce client and a key prefix. */
    LockStore connect(RedisClient client, String prefix) {
        try {
            Object builder = loadClass(RedisLockStore.class.getName())
                    .getMethod("builder")
                    .invoke(null);
            builder.getClass().getMethod("client", RedisClient.class).invoke(builder, client);
            builder.getClass().getMethod("keyPrefix", String.class).invoke(builder, prefix);
            return (LockStore) builder.getClass().getMethod("connect").invoke(builder);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded == null && name.startsWith(STORE)) {
                byte[] bytes = read(getParent().getResourceAsStream(name.replace('.', '/') + ".class"));
                loaded = defineClass(name, bytes, 0, bytes.length);
            }
            return loaded != null ? loaded : super.loadClass(name, resolve);
        }
    }

    @Override
    public InputStream getResourceAsStream(String name) {
        InputStream original = super.getResourceAsStream(name);
        if (!name.endsWith("/scripts/" + mutant.file() + ".lua")) {
            return original;
        }
        String mutated = mutant.in(new String(read(original), StandardCharsets.UTF_8));
        return new ByteArrayInputStream(mutated.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] read(InputStream stream) {
        try (stream) {
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
