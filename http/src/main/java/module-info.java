/** Fencing tokens in HTTP requests. */
module io.distributedmutex.http {
    requires transitive io.distributedmutex;
    requires static transitive jakarta.servlet;
    requires transitive java.net.http;
    requires static org.jspecify;
    requires static transitive spring.web;

    exports io.distributedmutex.http;
}
