package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.resource.ClientResources;
import io.netty.util.concurrent.EventExecutorGroup;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An Error at every call that the store makes of Lettuce and of its executor, before and after what the call does, one at a
 * time, and from one on until it heals: the caller may get the Error, but every call ends, and afterwards the store works.
 */
@Tag("deep")
class RedisErrorInjectionTest {

    private static final Duration TIMEOUT = Duration.ofMillis(100);

    /** What of an executor is called by the store; the rest is Lettuce's and Netty's own. */
    private static final Set<String> OF_EXECUTORS = Set.of("execute", "submit", "schedule");

    private final EmbeddedRedis redis = EmbeddedRedis.start();
    private final ClientResources resources = ClientResources.create();

    @AfterEach
    void stop() throws Exception {
        resources.shutdown(0, 2, TimeUnit.SECONDS).get();
        redis.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anErrorAtAnyCallEndsNoStore(boolean lasting) {
        everyMoment(lasting, this::live);
    }

    /** Its slot goes to another master while an error may strike. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anErrorAtAnyCallEndsNoStoreOnACluster(boolean lasting) {
        try (EmbeddedCluster cluster = EmbeddedRedis.cluster(2, 0).start()) {
            everyMoment(lasting, moments -> live(moments, cluster));
        }
    }

    private static void everyMoment(boolean lasting, Function<Moments, @Nullable String> life) {
        List<String> failures = new ArrayList<>();
        int tried = 0;
        for (int moment = 1; ; moment++) {
            Moments moments = new Moments(moment, lasting);
            String problem = life.apply(moments);
            if (moments.place == null) {
                assertThat(problem).as("without an Error").isNull();
                break;
            }
            tried++;
            if (problem != null) {
                failures.add("moment " + moment + ", " + moments.place + ": " + problem);
            }
        }
        System.out.printf(
                "%srrors injected: %d; stores that work afterwards: %d%n",
                lasting ? "Lasting e" : "E", tried, tried - failures.size());
        assertThat(failures).isEmpty();
        assertThat(tried).isGreaterThan(10);
    }

    /** Shows that what the other test counts is thrown where the store calls. */
    @Test
    void whatIsThrownGetsThere() {
        Moments first = new Moments(1, false);
        assertThat(live(first)).isNull();
        assertThat(first.place).isEqualTo("schedule");
    }

    /** What is wrong afterwards; null if nothing is. */
    private @Nullable String live(Moments moments) {
        try (ThrowingClient client = new ThrowingClient(moments);
                DistributedMutex mutex = mutex(builder -> builder.client(client));
                DistributedMutex peer = RedisMutex.connect(redis.uri())) {
            return live(moments, mutex, peer, () -> {});
        } catch (Throwable e) {
            return e.toString();
        } finally {
            redis.command("FLUSHALL");
        }
    }

    private @Nullable String live(Moments moments, EmbeddedCluster cluster) {
        String uri = cluster.uris().get(0);
        RedisClusterClient client = RedisClusterClient.create(throwingResources(moments), uri);
        try (DistributedMutex mutex = mutex(builder -> builder.client(client));
                DistributedMutex peer = RedisMutex.connect(uri.replace("redis:", "redis-cluster:"))) {
            return live(moments, mutex, peer, () -> moveSlot(cluster));
        } catch (Throwable e) {
            return e.toString();
        } finally {
            client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            cluster.nodes().forEach(node -> node.command("FLUSHALL"));
        }
    }

    private static void moveSlot(EmbeddedCluster cluster) {
        int slot = cluster.slotOf("lock:k");
        EmbeddedRedis source = cluster.masterOf(slot);
        EmbeddedRedis target = cluster.nodes().stream()
                .filter(node -> node != source)
                .findFirst()
                .orElseThrow();
        cluster.migrate(slot, target).close();
    }

    private static @Nullable String live(
            Moments moments, DistributedMutex mutex, DistributedMutex peer, Runnable inBetween) {
        moments.armed = true;
        let(() -> mutex.tryAcquire("k").ifPresent(Lease::release));
        inBetween.run();
        List<CompletableFuture<Lease>> asked = new ArrayList<>();
        let(() -> mutex.acquire("k").close());
        for (int i = 0; i < 3; i++) {
            let(() -> asked.add(mutex.acquireAsync("k" + asked.size())));
        }
        let(() -> mutex.acquire("k").release());
        moments.armed = false;
        for (CompletableFuture<Lease> future : asked) {
            Await.until("a future has its outcome", future::isDone);
            if (!future.isCompletedExceptionally()) {
                future.join().close();
            }
        }
        Await.until("it works", () -> works(mutex));
        Await.until("nothing is left", () -> peer.inspect("k").isEmpty());
        return null;
    }

    private static DistributedMutex mutex(UnaryOperator<RedisMutex.Builder> client) {
        return client.apply(RedisMutex.builder())
                .commandTimeout(TIMEOUT)
                .options(LockOptions.builder()
                        .leaseTime(Duration.ofSeconds(5))
                        .waitTime(Duration.ofSeconds(1))
                        .retryInterval(Duration.ofMillis(20))
                        .build())
                .connect();
    }

    private static boolean works(DistributedMutex mutex) {
        try {
            return mutex.acquire("k").release();
        } catch (LockException e) {
            return false;
        }
    }

    /** A call that may throw, but must end; that it ends is what the whole test's time-out says. */
    private static void let(Runnable call) {
        try {
            call.run();
        } catch (LockException | VirtualMachineError e) {
            // The caller may get it.
        }
    }

    /** Counts the calls, and throws at one. */
    private static final class Moments {
        private final int chosen;
        private final boolean lasting;
        private int count;
        private @Nullable String place;
        private volatile boolean armed;

        Moments(int chosen, boolean lasting) {
            this.chosen = chosen;
            this.lasting = lasting;
        }

        synchronized void at(String where) {
            if (!armed) {
                return;
            }
            count++;
            boolean now = count == chosen;
            if (now) {
                place = where;
            }
            if (now || (lasting && where.equals(place))) {
                throw chosen % 2 == 0
                        ? new StackOverflowError("made by the test")
                        : new OutOfMemoryError("made by the test");
            }
        }

        /** The same object, whose calls by the store are moments. */
        @SuppressWarnings("unchecked")
        <T> T around(Class<T> type, Object inner, Set<String> methods) {
            return (T) Proxy.newProxyInstance(
                    type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                        boolean counts = methods.contains(method.getName()) && byTheStore();
                        if (counts) {
                            at(method.getName());
                        }
                        Object result = invoke(inner, method, arguments);
                        if (counts) {
                            at(method.getName() + ", done");
                        }
                        return result;
                    });
        }

        private static @Nullable Object invoke(Object inner, Method method, Object @Nullable [] arguments)
                throws Throwable {
            try {
                return method.invoke(inner, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }

        private static boolean byTheStore() {
            String store = RedisLockStore.class.getPackageName();
            return StackWalker.getInstance()
                    .walk(frames -> frames.map(StackWalker.StackFrame::getClassName)
                            .filter(name ->
                                    !name.startsWith("java.") && !name.startsWith("jdk.") && !name.contains("$Proxy"))
                            .filter(name -> !name.startsWith(RedisErrorInjectionTest.class.getName()))
                            .findFirst()
                            .orElse("")
                            .startsWith(store));
        }
    }

    private ClientResources throwingResources(Moments moments) {
        EventExecutorGroup executors =
                moments.around(EventExecutorGroup.class, resources.eventExecutorGroup(), OF_EXECUTORS);
        return (ClientResources) Proxy.newProxyInstance(
                ClientResources.class.getClassLoader(),
                new Class<?>[] {ClientResources.class},
                (proxy, method, arguments) -> method.getName().equals("eventExecutorGroup")
                        ? executors
                        : Moments.invoke(resources, method, arguments));
    }

    /** A client of an application's whose connection for commands, and its executor, throw. */
    private final class ThrowingClient extends RedisClient implements AutoCloseable {
        private final Moments moments;

        ThrowingClient(Moments moments) {
            super(resources, RedisURI.create(redis.uri()));
            this.moments = moments;
        }

        @Override
        public <K, V> StatefulRedisConnection<K, V> connect(RedisCodec<K, V> codec) {
            StatefulRedisConnection<K, V> connection = super.connect(codec);
            ClientResources throwing = throwingResources(moments);
            @SuppressWarnings("unchecked")
            StatefulRedisConnection<K, V> around = (StatefulRedisConnection<K, V>) Proxy.newProxyInstance(
                    StatefulRedisConnection.class.getClassLoader(),
                    new Class<?>[] {StatefulRedisConnection.class},
                    (proxy, method, arguments) -> method.getName().equals("getResources")
                            ? throwing
                            : Moments.invoke(
                                    moments.around(StatefulRedisConnection.class, connection, Set.of("dispatch")),
                                    method,
                                    arguments));
            return around;
        }

        @Override
        public void close() {
            shutdown(Duration.ZERO, Duration.ofSeconds(2));
        }
    }
}
