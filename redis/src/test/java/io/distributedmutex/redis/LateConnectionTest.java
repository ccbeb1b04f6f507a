package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.netty.resolver.AbstractAddressResolver;
import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A connection that was being made to one server when the Sentinels named another. */
@Timeout(60)
class LateConnectionTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    @Test
    void isLeftOnceItIsMade() {
        try (EmbeddedSentinel redis = EmbeddedRedis.sentinel(1, 1).start()) {
            int primary = redis.primary().port();
            int other = redis.replicas().get(0).port();
            RedisURI uri = RedisURI.create(redis.uri());
            OwnClient own = new OwnClient(uri, null, TIMEOUT, Duration.ofMinutes(1), new Misled(primary, other));
            try {
                Sentinels sentinels = Objects.requireNonNull(own.sentinels());
                sentinels.start();
                sentinels.await(
                        new RedisErrors(uri, 2000), ConnectLimits.of(TIMEOUT).begin());

                StatefulRedisConnection<String, String> connection =
                        own.client().connect(own.uri());

                Await.until("it is to the primary", Duration.ofSeconds(10), () -> isAt(connection, primary));
            } finally {
                own.close();
            }
        }
    }

    @Test
    void isToThePrimaryIfHostAndPortCanBeItsOwn() throws Exception {
        Sentinels.Primary named = new Sentinels.Primary("::1", 7000, 1, 0);
        assertThat(named.canBeAt(new InetSocketAddress(InetAddress.getByName("0:0:0:0:0:0:0:1"), 7000)))
                .isTrue();
        assertThat(named.canBeAt(new InetSocketAddress(InetAddress.getByName("::1"), 7001)))
                .isFalse();
        assertThat(named.canBeAt(new InetSocketAddress(InetAddress.getByName("::2"), 7000)))
                .isFalse();
        assertThat(new Sentinels.Primary("a-name", 7000, 1, 0)
                        .canBeAt(new InetSocketAddress(InetAddress.getByName("127.0.0.2"), 7000)))
                .isTrue();
    }

    private static boolean isAt(StatefulRedisConnection<String, String> connection, int port) {
        try {
            return connection.sync().info("server").contains("tcp_port:" + port + "\r\n");
        } catch (RedisException lost) {
            return false;
        }
    }

    /** Says the wrong port, once. */
    private static final class Misled extends AddressResolverGroup<InetSocketAddress> {

        private final int from;
        private final int to;
        private final AtomicInteger asked = new AtomicInteger();

        Misled(int from, int to) {
            this.from = from;
            this.to = to;
        }

        @Override
        protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
            return new AbstractAddressResolver<>(executor, InetSocketAddress.class) {
                @Override
                protected boolean doIsResolved(InetSocketAddress address) {
                    return !address.isUnresolved();
                }

                @Override
                protected void doResolve(InetSocketAddress address, Promise<InetSocketAddress> promise) {
                    promise.setSuccess(where(address.getPort()));
                }

                @Override
                protected void doResolveAll(InetSocketAddress address, Promise<List<InetSocketAddress>> promise) {
                    promise.setSuccess(List.of(where(address.getPort())));
                }
            };
        }

        private InetSocketAddress where(int port) {
            boolean wrong = port == from && asked.getAndIncrement() == 0;
            return new InetSocketAddress(InetAddress.getLoopbackAddress(), wrong ? to : port);
        }
    }
}
