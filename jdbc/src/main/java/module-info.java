/** The receiving end of fencing tokens in SQL databases. */
module io.distributedmutex.jdbc {
    requires transitive io.distributedmutex;
    requires transitive java.sql;
    requires static org.jspecify;

    exports io.distributedmutex.jdbc;
}
