package io.distributedmutex.testkit.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Repeated tests check what a test finds after the one before it: the second repetition is the one that may fail. */
@WithRedis(
        password = "s3cret",
        dataKept = true,
        config = {"maxclients 77", "rename-command FLUSHDB \"\""})
@Execution(ExecutionMode.SAME_THREAD)
@Timeout(60)
class WithRedisTest {

    private static final List<EmbeddedRedis> SERVERS_OF_NESTED_CLASSES = new ArrayList<>();
    private static int portOfTheClass;

    private final EmbeddedRedis redis;
    private @Nullable EmbeddedRedis injectedBeforeEach;

    WithRedisTest(EmbeddedRedis redis) {
        this.redis = redis;
    }

    @BeforeAll
    static void remember(EmbeddedRedis redis) {
        portOfTheClass = redis.port();
    }

    @BeforeEach
    void remembered(EmbeddedRedis parameter) {
        injectedBeforeEach = parameter;
    }

    /** Runs after the nested classes, whose stores are closed by then. */
    @AfterAll
    static void serversOfNestedClassesAreClosed() {
        assertThat(SERVERS_OF_NESTED_CLASSES).isNotEmpty().allSatisfy(server -> {
            assertThat(server.isAlive()).isFalse();
            assertThat(server.folder()).doesNotExist();
        });
    }

    @Test
    void isInjectedIntoConstructorsLifecycleMethodsAndTests(EmbeddedRedis parameter) {
        assertThat(parameter).isSameAs(redis);
        assertThat(injectedBeforeEach).isSameAs(redis);
        assertThat(redis.port()).isEqualTo(portOfTheClass);
    }

    @Test
    void isStartedAsTheAnnotationSays() {
        assertThat(redis.uri()).isEqualTo("redis://:s3cret@127.0.0.1:" + redis.port());
        assertThat(redis.command("CONFIG", "GET", "maxclients")).isEqualTo(List.of("maxclients", "77"));
        assertThat(redis.command("CONFIG", "GET", "appendonly")).isEqualTo(List.of("appendonly", "yes"));
    }

    @RepeatedTest(2)
    void isEmptyBeforeEachTest() {
        assertThatItIsAsNew();
        assertThat(redis.command("SET", "left", "behind")).isEqualTo("OK");
    }

    @RepeatedTest(2)
    void isRevivedAfterATestThatKilledIt() {
        assertThatItIsAsNew();
        assertThat(redis.command("SET", "left", "behind")).isEqualTo("OK");
        redis.kill();
    }

    @RepeatedTest(2)
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void isRevivedAfterATestThatPausedIt() {
        assertThatItIsAsNew();
        assertThat(redis.command("SET", "left", "behind")).isEqualTo("OK");
        redis.pause();
    }

    @RepeatedTest(2)
    void isRevivedAfterATestThatMadeItRefuseWrites() {
        assertThatItIsAsNew();
        assertThat(redis.command("SET", "left", "behind")).isEqualTo("OK");
        assertThat(redis.command("REPLICAOF", "127.0.0.1", "1")).isEqualTo("OK");
    }

    private void assertThatItIsAsNew() {
        assertThat(redis.command("DBSIZE")).isEqualTo(0L);
        assertThat(redis.command("INFO", "replication")).asString().contains("role:master");
        assertThat(redis.port()).isEqualTo(portOfTheClass);
    }

    @Nested
    class InANestedClass {

        @Test
        void isThatOfTheOuterClass(EmbeddedRedis parameter) {
            assertThat(parameter).isSameAs(redis);
        }
    }

    @Nested
    @WithRedis
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    class InAnAnnotatedNestedClass {

        private final EmbeddedRedis own;

        InAnAnnotatedNestedClass(EmbeddedRedis own) {
            this.own = own;
            SERVERS_OF_NESTED_CLASSES.add(own);
        }

        @Test
        void isAnotherOne(EmbeddedRedis parameter) {
            assertThat(parameter).isSameAs(own);
            assertThat(own.port()).isNotEqualTo(portOfTheClass);
            assertThat(own.uri()).isEqualTo("redis://127.0.0.1:" + own.port());
        }
    }

    /** A contract that runs on two servers. */
    abstract static class Contract {

        @Test
        void holds(EmbeddedRedis redis) {
            assertThat(redis.command("PING")).isEqualTo("PONG");
            assertThat(redis.executable().path()).isEqualTo(expected());
        }

        abstract Path expected();
    }

    @Nested
    @WithRedis(executable = "embedded")
    class OnTheEmbeddedServer extends Contract {

        @Override
        Path expected() {
            return RedisExecutable.embedded().path();
        }
    }

    @Nested
    @Tag("deep")
    @WithRedis(executable = "installed")
    class OnTheInstalledServer extends Contract {

        @Override
        Path expected() {
            return EmbeddedRedis.installed().orElseThrow();
        }
    }
}
