package io.distributedmutex.redis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.LeaseState;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** What the engine makes of errors of the server: those that pass are waited out, by acquires, renewals and releases. */
class ServerErrorsTest {

    private static final List<String> PASSING = List.of(
            "BUSY Redis is busy running a script.",
            "BUSY Redis is busy running a module command.",
            "UNKILLABLE Sorry the script already executed write commands against the dataset.",
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "NOREPLICAS Not enough good replicas to write.",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -MISCONF Errors writing to the AOF",
            "CLUSTERDOWN The cluster is down",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "UNBLOCKED force unblock from blocking operation, instance state changed",
            "READONLY You can't write against a read only replica.",
            "REDIRECT 127.0.0.1:6380",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "ERR max number of clients reached");

    private static final List<String> LASTING = List.of(
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "NOPERM this user has no permissions to run the 'evalsha' command",
            "MOVED 3999 127.0.0.1:6381",
            "ERR unknown command 'EVALSHA'",
            "NOQUORUM 1 usable Sentinels",
            "SOMETHING else");

    private enum Operation {
        ACQUIRE,
        RENEW,
        RELEASE
    }

    private final Map<String, String> errorOfKey = new ConcurrentHashMap<>();
    private final Set<String> refused = ConcurrentHashMap.newKeySet();
    private final Set<String> done = ConcurrentHashMap.newKeySet();

    @Test
    void acquiresRenewalsAndReleasesWaitOutWhatPasses() throws IOException {
        try (FakeRedis server = new FakeRedis(this::reply);
                DistributedMutex mutex = mutex(server)) {
            Map<String, CompletableFuture<Lease>> acquires = new LinkedHashMap<>();
            for (int i = 0; i < PASSING.size(); i++) {
                errorOfKey.put("lock:k" + i, PASSING.get(i));
                acquires.put("k" + i, mutex.acquireAsync("k" + i));
            }
            acquires.values().forEach(CompletableFuture::join);
            acquires.forEach((key, lease) -> {
                assertThat(refused).contains(Operation.ACQUIRE + " lock:" + key);
                Await.until(key + " is renewed", () -> done.contains(Operation.RENEW + " lock:" + key));
                assertThat(refused).contains(Operation.RENEW + " lock:" + key);
                assertThat(lease.join().isValid()).as(key).isTrue();
            });
            acquires.values().forEach(lease -> lease.join().close());
            acquires.forEach((key, lease) -> {
                Await.until(key + " is released", () -> done.contains(Operation.RELEASE + " lock:" + key));
                assertThat(refused).contains(Operation.RELEASE + " lock:" + key);
                Await.until("that is known", () -> lease.join().state() == LeaseState.RELEASED);
            });
        }
    }

    @Test
    void whatLastsIsToldAtOnce() throws IOException {
        try (FakeRedis server = new FakeRedis(this::reply);
                DistributedMutex mutex = mutex(server)) {
            for (int i = 0; i < LASTING.size(); i++) {
                String key = "k" + i;
                errorOfKey.put("lock:" + key, LASTING.get(i));

                assertThatThrownBy(() -> mutex.acquire(key))
                        .isInstanceOfSatisfying(
                                StoreRefusedException.class,
                                failure -> assertThat(failure.isTransient()).isFalse())
                        .hasMessageContaining(LASTING.get(i));
            }
        }
    }

    /** Refuses each operation on each key once. */
    private String reply(List<String> command) {
        // A renewal is the script with one key and two arguments.
        boolean isRenewal = command.get(0).equals("EVALSHA") && command.size() == 6;
        if (command.size() < 8 && !isRenewal) {
            return "+OK\r\n";
        }
        String key = command.get(3);
        // The number of arguments after the four keys.
        Operation operation = isRenewal ? Operation.RENEW : command.size() == 8 ? Operation.RELEASE : Operation.ACQUIRE;
        if (refused.add(operation + " " + key)) {
            return "-" + errorOfKey.get(key) + "\r\n";
        }
        done.add(operation + " " + key);
        return operation == Operation.ACQUIRE ? FakeRedis.bulk("7") : ":1\r\n";
    }

    private static DistributedMutex mutex(FakeRedis server) {
        return RedisMutex.builder()
                .uri(server.uri())
                .startCheck(false)
                .connect()
                .with(options -> options.waitTime(Duration.ofSeconds(20))
                        .leaseTime(Duration.ofSeconds(6))
                        .autoRenew(Duration.ofMinutes(1)));
    }
}
