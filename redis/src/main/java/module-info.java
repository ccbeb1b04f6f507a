/** The store that keeps leases in Redis, on Lettuce. */
module io.distributedmutex.redis {
    requires transitive io.distributedmutex;
    requires io.netty.buffer;
    requires io.netty.common;
    requires io.netty.resolver;
    requires io.netty.transport;
    requires transitive lettuce.core;
    requires org.reactivestreams;
    requires org.slf4j;
    requires reactor.core;
    requires static org.jspecify;

    exports io.distributedmutex.redis;
}
