package io.distributedmutex.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server behind the filter, asked by real HTTP. */
class FencingFilterTest {

    @TempDir
    private Path folder;

    private final Tomcat tomcat = new Tomcat();
    private final HttpClient client = HttpClient.newHttpClient();
    /** The greatest token that the check, and what handles requests, has seen. */
    private final AtomicLong checked = new AtomicLong();

    private final AtomicLong written = new AtomicLong();
    private final List<Object> handled = new ArrayList<>();
    /** What the handler throws instead of the check in its own transaction; null for that. */
    private volatile RuntimeException trouble;

    @BeforeEach
    void start() throws Exception {
        tomcat.setBaseDir(folder.toString());
        tomcat.setPort(0);
        tomcat.setHostname("127.0.0.1");
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", folder.toString());
        Tomcat.addServlet(context, "handler", new Handler());
        context.addServletMappingDecoded("/*", "handler");
        filter(context, "checked", "/checked/*", guarding().checking((request, token) -> {
            if (request.getRequestURI().endsWith("broken")) {
                throw new Exception("the database is away");
            }
            see(checked, token);
        }));
        filter(context, "handled", "/handled/*", guarding());
        tomcat.start();
    }

    @AfterEach
    void stop() throws Exception {
        tomcat.stop();
        tomcat.destroy();
    }

    private static FencingFilter guarding() {
        return FencingFilter.guarding(request -> !request.getMethod().equals("GET"));
    }

    private static void filter(Context context, String name, String pattern, FencingFilter filter) {
        FilterDef definition = new FilterDef();
        definition.setFilterName(name);
        definition.setFilter(filter);
        context.addFilterDef(definition);
        FilterMap map = new FilterMap();
        map.setFilterName(name);
        map.addURLPattern(pattern);
        context.addFilterMap(map);
    }

    private static void see(AtomicLong greatest, long token) {
        if (greatest.updateAndGet(seen -> Math.max(seen, token)) > token) {
            throw new StaleTokenException("tenant:1", token, greatest.get());
        }
    }

    private final class Handler extends HttpServlet {
        private static final long serialVersionUID = 1L;

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response)
                throws ServletException, IOException {
            Object token = request.getAttribute(FencingFilter.TOKEN);
            handled.add(token == null ? "none" : token);
            if (request.getRequestURI().endsWith("begun")) {
                response.getWriter().print("begun");
                response.flushBuffer();
            }
            if (trouble != null) {
                throw new ServletException("wrapped, as frameworks do", trouble);
            }
            if (token != null) {
                see(written, (Long) token);
            }
            response.getWriter().print(" done");
        }
    }

    private HttpResponse<String> put(String path, String... headers) throws Exception {
        HttpRequest.Builder request = request(path).PUT(HttpRequest.BodyPublishers.ofString("new"));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(
                URI.create("http://127.0.0.1:" + tomcat.getConnector().getLocalPort() + path));
    }

    @Test
    void theLeasesTokenReachesTheHandler() throws Exception {
        try (DistributedMutex mutex =
                        DistributedMutex.builder(new InMemoryLockStore()).build();
                Lease lease = mutex.acquire("tenant:1")) {
            HttpRequest request = FencingTokenHeader.set(request("/handled/a").header("Fencing-Token", "1"), lease)
                    .PUT(HttpRequest.BodyPublishers.ofString("new"))
                    .build();
            assertThat(client.send(request, HttpResponse.BodyHandlers.ofString())
                            .statusCode())
                    .isEqualTo(200);
            assertThat(handled).containsExactly(lease.fencingToken());
        }
    }

    @Test
    void aRequestWithoutATokenIsRefusedWhereItIsGuarded() throws Exception {
        HttpResponse<String> response = put("/handled/a");
        assertThat(response.statusCode()).isEqualTo(428);
        assertThat(response.body()).contains("needs the header Fencing-Token");
        assertThat(handled).isEmpty();
        assertThat(client.send(request("/handled/a").build(), HttpResponse.BodyHandlers.ofString())
                        .statusCode())
                .as("a GET")
                .isEqualTo(200);
        assertThat(handled).containsExactly("none");
    }

    @Test
    void whatIsNoTokenIsABadRequest() throws Exception {
        for (String value :
                List.of("", "0", "-1", "1.5", "0x10", "9007199254740992", "99999999999999999999", "\u0661")) {
            assertThatIllegalArgumentException()
                    .as(value)
                    .isThrownBy(() -> FencingTokenHeader.parse(value))
                    .withMessage("Fencing-Token must be a number from 1 to 2^53 - 1, but is '" + value + "'");
        }
        assertThat(FencingTokenHeader.parse(" 9007199254740991 ")).isEqualTo((1L << 53) - 1);
        assertThat(put("/handled/a", "Fencing-Token", "abc").statusCode()).isEqualTo(400);
        assertThat(put("/handled/a", "Fencing-Token", "1", "Fencing-Token", "2").statusCode())
                .isEqualTo(400);
        assertThat(handled).isEmpty();
    }

    @Test
    void theCheckSparesTheWorkForWhatIsStale() throws Exception {
        assertThat(put("/checked/a", "Fencing-Token", "8").statusCode()).isEqualTo(200);
        HttpResponse<String> stale = put("/checked/a", "Fencing-Token", "7");
        assertThat(stale.statusCode()).isEqualTo(412);
        assertThat(stale.body()).contains("the fencing token 7").contains("tenant:1");
        assertThat(put("/checked/a", "Fencing-Token", "8").statusCode()).isEqualTo(200);
        assertThat(handled).containsExactly(8L, 8L);
    }

    @Test
    void aCheckThatFailsFailsTheRequest() throws Exception {
        assertThat(put("/checked/broken", "Fencing-Token", "8").statusCode()).isEqualTo(500);
        assertThat(handled).isEmpty();
    }

    @Test
    void aRefusalOfTheHandlerIsAnsweredAsSuchThoughAFrameworkWrapsIt() throws Exception {
        assertThat(put("/handled/a", "Fencing-Token", "8").body()).isEqualTo(" done");
        HttpResponse<String> stale = put("/handled/a", "Fencing-Token", "7");
        assertThat(stale.statusCode()).isEqualTo(412);
        trouble = new StaleTokenException("tenant:1", 7, 8);
        assertThat(put("/handled/a", "Fencing-Token", "7").statusCode()).isEqualTo(412);
        trouble = new IllegalStateException("a bug");
        assertThat(put("/handled/a", "Fencing-Token", "9").statusCode()).isEqualTo(500);
    }

    @Test
    void aResponseThatHasBegunCannotBeMended() throws Exception {
        trouble = new StaleTokenException("tenant:1", 7, 8);
        assertThatExceptionOfType(IOException.class)
                .as("the server ends the connection in the middle")
                .isThrownBy(() -> put("/handled/begun", "Fencing-Token", "7"));
    }
}
