package io.distributedmutex.testkit.junit;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisBuilder;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives a JUnit test class an {@link EmbeddedRedis} of its own, as a parameter of its constructor, its tests and its
 * lifecycle methods.
 *
 * <pre>{@code
 * @WithRedis(config = "notify-keyspace-events KEA")
 * class TransferTest {
 *     @Test
 *     void isDoneByOneInstanceOnly(EmbeddedRedis redis) {
 *         try (DistributedMutex mutex = RedisMutex.connect(redis.uri())) {
 *             mutex.acquire("transfer:1").close();
 *         }
 *     }
 * }
 * }</pre>
 *
 * <p>The server is started once for the class and closed after it. Before each test it is emptied (FLUSHALL); if a test
 * killed or paused it, or it refuses, it is restarted empty, on the same port. That is before the class's own methods
 * annotated {@code @BeforeEach}, but after its constructor. What a test changed by CONFIG SET, or loaded as a script,
 * stays; undo it, or call {@link EmbeddedRedis#restartEmpty}. A test must not close the server.
 *
 * <p>A subclass has a server of its own. A {@code @Nested} class shares its outer class's, unless it is annotated
 * itself. Tests that share a server must not run in parallel with each other, since each would empty it under the
 * others.
 *
 * <p>To run a contract on two servers, annotate two subclasses of it, one with {@code executable = "embedded"} and one
 * with {@code executable = "installed"}.
 */
@SuppressWarnings("exports") // JUnit is optional, so it is not handed on
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
@ExtendWith(RedisExtension.class)
public @interface WithRedis {

    /** The password of the default user; by default none. */
    String password() default "";

    /**
     * Lines of redis.conf, each a directive's name and its values, quoted where redis.conf wants quotes; by default
     * none.
     */
    String[] config() default {};

    /** Whether data outlives the process, see {@link EmbeddedRedisBuilder#dataKept}; by default not. */
    boolean dataKept() default false;

    /**
     * The executable: {@code embedded}, {@code installed} (the tests are skipped where {@link EmbeddedRedis#installed}
     * is empty), a path, or a name to be found on the PATH. By default it is chosen as {@link EmbeddedRedis} tells.
     */
    String executable() default "";
}
