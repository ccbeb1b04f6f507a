package io.distributedmutex.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestTemplate;

/** Spring's clients against a server that notes the header of each request. */
class FencingTokenInterceptorTest {

    private final List<List<String>> received = new CopyOnWriteArrayList<>();
    private final DistributedMutex mutex =
            DistributedMutex.builder(new InMemoryLockStore()).build();
    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            received.add(exchange.getRequestHeaders().getOrDefault(FencingTokenHeader.NAME, List.of()));
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        mutex.close();
        server.stop(0);
    }

    private String uri() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/settings";
    }

    private static List<String> tokenOf(Lease lease) {
        return List.of(Long.toString(lease.fencingToken()));
    }

    @Test
    void aRestClientSendsTheTokenOfTheLeaseThatThereIs() {
        AtomicReference<Optional<Lease>> current = new AtomicReference<>(Optional.empty());
        RestClient client = RestClient.builder()
                .requestInterceptor(FencingTokenInterceptor.from(current::get))
                .build();
        Lease first = mutex.acquire("first");
        Lease second = mutex.acquire("second");

        client.put().uri(uri()).body("a").retrieve().toBodilessEntity();
        current.set(Optional.of(first));
        client.put().uri(uri()).body("b").retrieve().toBodilessEntity();
        current.set(Optional.of(second));
        client.put().uri(uri()).body("c").retrieve().toBodilessEntity();

        assertThat(received).containsExactly(List.of(), tokenOf(first), tokenOf(second));
    }

    @Test
    void aRestTemplateSendsTheTokenOfItsLease() {
        Lease lease = mutex.acquire("k");
        RestTemplate template = new RestTemplate();
        template.getInterceptors().add(FencingTokenInterceptor.of(lease));

        template.put(uri(), "a");

        assertThat(received).containsExactly(tokenOf(lease));
    }

    @Test
    void aTokenThatTheRequestHasIsKept() {
        Lease lease = mutex.acquire("k");
        Lease own = mutex.acquire("another");
        RestClient client = RestClient.builder()
                .requestInterceptor(FencingTokenInterceptor.of(lease))
                .build();

        client.put()
                .uri(uri())
                .header(FencingTokenHeader.NAME, FencingTokenHeader.value(own))
                .body("a")
                .retrieve()
                .toBodilessEntity();

        assertThat(received).containsExactly(tokenOf(own));
    }
}
