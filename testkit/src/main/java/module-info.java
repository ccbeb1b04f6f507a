/**
 * What tests need: stores in memory, real Redis servers, the contract of a store, and a JUnit extension. It knows no store but
 * its own, so the author of another store gets nothing else with it.
 *
 * <p>Only the extension and the contracts need JUnit, so it is optional and not handed on: a module that uses those requires
 * {@code org.junit.jupiter.api} already. The redis-server programs are resources of the class loader.
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
