/** A distributed mutex: the API, the engine and the {@link io.distributedmutex.spi SPI} behind which the leases live. */
module io.distributedmutex {
    requires static jdk.jfr;
    requires transitive org.slf4j;
    requires static transitive org.jspecify;

    exports io.distributedmutex;
    exports io.distributedmutex.spi;
}
