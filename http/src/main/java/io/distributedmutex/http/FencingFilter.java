package io.distributedmutex.http;

import io.distributedmutex.StaleTokenException;
import io.distributedmutex.spi.Causes;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Sees to it that guarded requests carry a {@linkplain FencingTokenHeader fencing token}, and answers stale ones.
 *
 * <table>
 * <caption>What a guarded request gets</caption>
 * <tr><th>the request</th><th>the answer</th></tr>
 * <tr><td>carries no token</td><td>428 Precondition Required</td></tr>
 * <tr><td>carries no number from 1 to 2^53 - 1, or two</td><td>400 Bad Request</td></tr>
 * <tr><td>is refused by the {@linkplain #checking check}</td><td>412 Precondition Failed; nothing else sees the request</td></tr>
 * <tr><td>ends with a {@link StaleTokenException}, or one that it caused</td><td>412, unless the response has begun</td></tr>
 * </table>
 *
 * <p>A check before the work does not make the work safe: a request that passed may be overtaken before it writes. What is safe is
 * a check in the step that writes, such as {@code JdbcFence} in the transaction, with the token from {@link #TOKEN}; its refusal
 * comes out as 412. The check of this filter spares the work for what is stale already. Thread-safe.
 */
public final class FencingFilter implements Filter {

    /** The request attribute with the token of a guarded request, a {@link Long}. */
    public static final String TOKEN = "io.distributedmutex.http.fencingToken";

    private final Predicate<HttpServletRequest> guarded;
    private final @Nullable Check check;

    private FencingFilter(Predicate<HttpServletRequest> guarded, @Nullable Check check) {
        this.guarded = guarded;
        this.check = check;
    }

    /** Refuses a stale token before the request is handled. */
    @FunctionalInterface
    public interface Check {

        /**
         * Checks a token, and remembers it if it is the greatest so far.
         *
         * @param request the request, which says what it writes to
         * @param token its fencing token
         * @throws StaleTokenException if the resource has seen a greater one
         * @throws Exception if it could not be checked: the request fails
         */
        void check(HttpServletRequest request, long token) throws Exception;
    }

    /**
     * Guards requests.
     *
     * @param guarded which requests need a token, such as {@code request -> !request.getMethod().equals("GET")}
     * @return a filter without a check of its own
     */
    public static FencingFilter guarding(Predicate<HttpServletRequest> guarded) {
        return new FencingFilter(Objects.requireNonNull(guarded, "guarded"), null);
    }

    /**
     * The same with a check before the request is handled.
     *
     * @param check what refuses stale tokens, such as {@code (request, token) -> fences.check(...)}
     * @return a filter
     */
    public FencingFilter checking(Check check) {
        return new FencingFilter(guarded, Objects.requireNonNull(check, "check"));
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        if (request instanceof HttpServletRequest asked
                && response instanceof HttpServletResponse answer
                && guarded.test(asked)) {
            filter(asked, answer, chain);
        } else {
            chain.doFilter(request, response);
        }
    }

    private void filter(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        List<String> values = Collections.list(request.getHeaders(FencingTokenHeader.NAME));
        if (values.isEmpty()) {
            response.sendError(428, "this request needs the header " + FencingTokenHeader.NAME);
            return;
        }
        long token;
        try {
            if (values.size() > 1) {
                throw new IllegalArgumentException(FencingTokenHeader.NAME + " is given " + values.size() + " times");
            }
            token = FencingTokenHeader.parse(values.get(0));
        } catch (IllegalArgumentException e) {
            response.sendError(HttpServletResponse.SC_BAD_REQUEST, e.getMessage());
            return;
        }
        request.setAttribute(TOKEN, token);
        try {
            if (check != null) {
                check.check(request, token);
            }
            chain.doFilter(request, response);
        } catch (IOException | ServletException | RuntimeException e) {
            if (!answerStale(response, e)) {
                throw e;
            }
        } catch (Exception e) {
            if (!answerStale(response, e)) {
                throw new ServletException("the fencing token could not be checked", e);
            }
        }
    }

    private static boolean answerStale(HttpServletResponse response, Exception thrown) throws IOException {
        for (Throwable cause : Causes.of(thrown)) {
            if (cause instanceof StaleTokenException && !response.isCommitted()) {
                response.reset();
                response.sendError(HttpServletResponse.SC_PRECONDITION_FAILED, cause.getMessage());
                return true;
            }
        }
        return false;
    }
}
