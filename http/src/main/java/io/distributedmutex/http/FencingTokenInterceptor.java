package io.distributedmutex.http;

import io.distributedmutex.Lease;
import java.io.IOException;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpRequest;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;

/**
 * Adds the header {@code Fencing-Token} to each request of Spring's {@code RestClient} or {@code RestTemplate}.
 *
 * <pre>{@code
 * RestClient restClient = RestClient.builder()
 *         .requestInterceptor(FencingTokenInterceptor.from(CurrentLease::find))   // that of @DistributedLock
 *         .build();
 * }</pre>
 *
 * <p>A request that has the header already keeps it. One that is made where there is no lease goes out without it. The lease is not
 * asked whether it is still valid: a token that is too old is for the server to refuse.
 *
 * <p>Needs {@code spring-web}, which is optional. Thread-safe if the source is.
 */
public final class FencingTokenInterceptor implements ClientHttpRequestInterceptor {

    private final Supplier<Optional<Lease>> source;

    private FencingTokenInterceptor(Supplier<Optional<Lease>> source) {
        this.source = source;
    }

    /**
     * Sends the token of one lease, for a client of its own: {@code restClient.mutate().requestInterceptor(...).build()}.
     *
     * @param lease the lease under which the server shall write
     * @return the interceptor
     */
    public static FencingTokenInterceptor of(Lease lease) {
        Optional<Lease> always = Optional.of(lease);
        return new FencingTokenInterceptor(() -> always);
    }

    /**
     * Sends the token of the lease that there is when a request is made.
     *
     * @param source asked on the thread that makes a request, for each; empty if there is no lease
     * @return the interceptor
     */
    public static FencingTokenInterceptor from(Supplier<Optional<Lease>> source) {
        return new FencingTokenInterceptor(Objects.requireNonNull(source, "source"));
    }

    @Override
    public ClientHttpResponse intercept(HttpRequest request, byte[] body, ClientHttpRequestExecution execution)
            throws IOException {
        HttpHeaders headers = request.getHeaders();
        if (headers.getFirst(FencingTokenHeader.NAME) == null) {
            source.get().ifPresent(lease -> headers.set(FencingTokenHeader.NAME, FencingTokenHeader.value(lease)));
        }
        return execution.execute(request, body);
    }
}
