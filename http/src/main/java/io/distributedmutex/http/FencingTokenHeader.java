package io.distributedmutex.http;

import io.distributedmutex.Lease;
import io.distributedmutex.spi.Checks;
import java.net.http.HttpRequest;

/**
 * The header {@code Fencing-Token}, in which a client says under which lease it writes: the fencing token as a decimal number. The
 * server must refuse a smaller one than the resource has seen. Thread-safe.
 */
public final class FencingTokenHeader {

    /** The header's name. */
    public static final String NAME = "Fencing-Token";

    private FencingTokenHeader() {}

    /**
     * Adds the header to a request of the JDK's client. For others: {@code headers.set(FencingTokenHeader.NAME,
     * FencingTokenHeader.value(lease))}.
     *
     * @param request the request; an earlier token is replaced
     * @param lease the lease under which the server shall write
     * @return the request
     */
    public static HttpRequest.Builder set(HttpRequest.Builder request, Lease lease) {
        return request.setHeader(NAME, value(lease));
    }

    /**
     * The header's value.
     *
     * @param lease the lease under which the server shall write
     * @return its fencing token
     */
    public static String value(Lease lease) {
        return Long.toString(lease.fencingToken());
    }

    /**
     * Reads the header's value.
     *
     * @param value what came: decimal digits, white space around them allowed
     * @return the fencing token
     * @throws IllegalArgumentException if it is no number from 1 to 2^53 - 1
     */
    public static long parse(String value) {
        return Checks.fencingToken(NAME, value.strip());
    }
}
