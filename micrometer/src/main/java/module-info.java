/** Meters and observations of locks, by Micrometer. */
module io.distributedmutex.micrometer {
    requires transitive io.distributedmutex;
    requires transitive micrometer.commons;
    requires transitive micrometer.core;
    requires transitive micrometer.observation;
    requires org.slf4j;
    requires static org.jspecify;

    exports io.distributedmutex.micrometer;
}
