package io.distributedmutex.testkit.junit;

import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Fails each test that leaves something behind, or that logs a warning which it does not expect.
 *
 * <p>Checked after each test and its {@code @AfterEach} methods, with 2 s of patience for what ends on its own:
 *
 * <ul>
 *   <li>threads of the library and of its Redis client that did not run before the test;
 *   <li>with {@link WithRedis}: all keys but fence counters, and push channels that were not there before;
 *   <li>fields of the test that are a {@link ManualTime}: timers; that are an {@link InMemoryLockStore}: keys and waiters;
 *   <li>lines at WARN or ERROR from {@code io.distributedmutex}, where the tests log through Logback.
 * </ul>
 *
 * <p>On a method, {@link #warnings} stand beside those of the class. Put {@link WithRedis} first where both are used.
 */
@SuppressWarnings("exports") // JUnit is optional, so it is not handed on
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
@ExtendWith(LeftoverOracle.class)
public @interface LeavesNothing {

    /** Regular expressions; a warning in which one of them is found is expected. By default none is. */
    String[] warnings() default {};
}
