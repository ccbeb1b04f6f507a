/**
 * What tests need: stores in memory, real Redis servers, the contract of a store, and a JUnit extension. It knows no store but
 * its own, so that the author of another one gets nothing besides.
 *
 * <p>JUnit is needed by the extension and the contracts alone, so it is optional, and not handed on: who uses those requires
 * {@code org.junit.jupiter.api} already. The redis-server programs are found as resources of the class loader.
 */
module io.distributedmutex.testkit {
    requires transitive io.distributedmutex;
    requires org.slf4j;
    requires static org.jspecify;
    requires static org.junit.jupiter.api;
    requires static ch.qos.logback.classic;
    requires static ch.qos.logback.core;

    exports io.distributedmutex.testkit;
    exports io.distributedmutex.testkit.contract;
    exports io.distributedmutex.testkit.junit;
    exports io.distributedmutex.testkit.memory;
    exports io.distributedmutex.testkit.proxy;
    exports io.distributedmutex.testkit.server;
}
