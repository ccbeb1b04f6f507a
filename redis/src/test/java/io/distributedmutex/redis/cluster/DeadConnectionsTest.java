package io.distributedmutex.redis.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LockException;
import io.distributedmutex.LockOptions;
import io.distributedmutex.redis.live.Instances;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** All connections to a node are dead, and no packet says so. */
@Timeout(180)
@ParameterizedClass
@MethodSource("io.distributedmutex.testkit.server.EmbeddedRedis#executables")
class DeadConnectionsTest {

    private final EmbeddedCluster redis;
    private final Instances instances;

    DeadConnectionsTest(RedisExecutable executable) {
        redis = EmbeddedRedis.cluster(1, 0)
                .executable(executable.path())
                .proxied(true)
                .start();
        instances = new Instances(Clusters.uri(redis));
    }

    @AfterEach
    void stop() {
        instances.close();
        redis.close();
    }

    private DistributedMutex connect(Duration retryInterval) {
        DistributedMutex mutex = instances.add(builder -> builder.commandTimeout(Duration.ofSeconds(1))
                .options(LockOptions.builder()
                        .leaseTime(Duration.ofMinutes(1))
                        .waitTime(Duration.ofSeconds(50))
                        .retryInterval(retryInterval)
                        .build()));
        // With cold classes, the first answer may take longer than a second.
        Await.until("it is answered", () -> isAnswered(mutex));
        return mutex;
    }

    @Test
    void aWaiterIsSubscribedAgainOnceItsNodeIsFoundToBeSilent() throws Exception {
        DistributedMutex holder = connect(Duration.ofMillis(250));
        // It does not poll for a minute: all that it can hear is the push.
        DistributedMutex waiter = connect(Duration.ofMinutes(1));
        Lease lease = holder.acquire("k");
        CompletableFuture<Lease> waiting = waiter.acquireAsync("k");
        EmbeddedRedis master = redis.nodes().get(0);
        Await.until("somebody waits", () -> holder.inspect("k").orElseThrow().waiters() == 1);

        redis.proxy(master).swallow();

        // Each asks for something else until it is answered again.
        for (DistributedMutex each : List.of(holder, waiter)) {
            Await.until("it is answered again", () -> isAnswered(each));
        }
        // A reconnect is a reason to poll; that is over then.
        Await.pass(Duration.ofSeconds(2));
        lease.release();
        try (Lease next = waiting.get(20, TimeUnit.SECONDS)) {
            assertThat(next.fencingToken()).isGreaterThan(lease.fencingToken());
        }
    }

    private static boolean isAnswered(DistributedMutex mutex) {
        try {
            mutex.acquire("other", Duration.ofMillis(100)).close();
            return true;
        } catch (LockException failed) {
            return false;
        }
    }
}
