package io.distributedmutex.redis.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testing.OwnThread;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/** A mutex is closed while its servers and Sentinels go away, so that connections are being made all along. */
@Tag("deep")
@Timeout(300)
class QuietCloseTest {

    /** One in five was noisy before the threads ended in order. */
    private static final int ROUNDS = 60;

    private static final int LONGEST_WAIT_NANOS = 80_000_000;

    @Test
    void nettyHasNothingToComplainOf() throws Exception {
        Random random = new Random(1);
        try (Complaints complaints = new Complaints();
                EmbeddedSentinel redis =
                        EmbeddedRedis.sentinel(1, 3).proxied(true).start()) {
            List<FaultyProxy> proxies = Stream.concat(redis.servers().stream(), redis.sentinels().stream())
                    .map(redis::proxy)
                    .toList();
            for (int i = 0; i < ROUNDS; i++) {
                DistributedMutex mutex = RedisMutex.connect(redis.uri());
                mutex.acquire("k" + i).close();
                CompletableFuture<Void> gone = CompletableFuture.runAsync(
                        () -> proxies.forEach(proxy -> {
                            proxy.refuse(true);
                            proxy.cut();
                        }),
                        OwnThread.EACH);
                Await.pass(Duration.ofNanos(random.nextInt(LONGEST_WAIT_NANOS)));
                mutex.close();
                gone.get(20, TimeUnit.SECONDS);
                proxies.forEach(proxy -> proxy.refuse(false));
            }
            assertThat(complaints.lines).isEmpty();
        }
    }

    /** What Netty logs at WARN or ERROR. */
    private static final class Complaints extends AppenderBase<ILoggingEvent> implements AutoCloseable {

        private final Logger netty = (Logger) LoggerFactory.getLogger("io.netty");
        private final Queue<String> lines = new ConcurrentLinkedQueue<>();

        Complaints() {
            start();
            netty.addAppender(this);
        }

        @Override
        protected void append(ILoggingEvent event) {
            if (event.getLevel().isGreaterOrEqual(Level.WARN)) {
                lines.add(event.getThreadName() + " " + event.getFormattedMessage());
            }
        }

        @Override
        public void close() {
            netty.detachAppender(this);
            stop();
        }
    }
}
