package io.distributedmutex.springboot.starter;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** A Spring Boot application as a process of its own, asked by HTTP. */
final class ApplicationProcess implements AutoCloseable {

    /** On a machine with thirty processes to run, two applications that start together took more than a minute. */
    private static final Duration LONGEST_START = Duration.ofMinutes(4);

    private static final Pattern PORT = Pattern.compile("Tomcat started on port (\\d+)");

    private static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private final String name;
    private final Process process;
    private final Path log;
    private int port;

    ApplicationProcess(String name, Process process, Path log) {
        this.name = name;
        this.process = process;
        this.log = log;
    }

    String name() {
        return name;
    }

    /** Waits until it serves HTTP. */
    void awaitStart() {
        awaitStart(1);
    }

    /** Waits until it serves HTTP for so many times, as an application that restarts itself does. */
    void awaitStart(int times) {
        Await.until(() -> name + " to start: " + log(), LONGEST_START, () -> {
            assertThat(process.isAlive()).as(log()).isTrue();
            return ports().size() == times;
        });
        port = Integer.parseInt(ports().get(times - 1));
    }

    private List<String> ports() {
        return PORT.matcher(log()).results().map(line -> line.group(1)).toList();
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return CLIENT.send(request(path).build(), BodyHandlers.ofString());
    }

    /**
     * Posts nothing to a path.
     *
     * @return the status
     * @throws IOException if there was no answer
     */
    int post(String path) throws IOException, InterruptedException {
        return CLIENT.send(
                        request(path).POST(HttpRequest.BodyPublishers.noBody()).build(), BodyHandlers.discarding())
                .statusCode();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .timeout(Await.BOUND);
    }

    /** Waits until its health is so, as a load balancer sees it. */
    void awaitHealth(int status, String part) {
        Await.until(name + " to have the health " + status + " with " + part, () -> {
            try {
                HttpResponse<String> health = get("/actuator/health");
                return health.statusCode() == status && health.body().contains(part);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
    }

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        awaitEnd();
    }

    /** SIGTERM; returns the exit code. */
    int terminate() throws InterruptedException {
        process.destroy();
        awaitEnd();
        return process.exitValue();
    }

    private void awaitEnd() throws InterruptedException {
        Duration bound = Await.BOUND;
        assertThat(process.waitFor(bound.toMillis(), TimeUnit.MILLISECONDS))
                .as("%s ended within %s: %s", name, bound, log())
                .isTrue();
    }

    String log() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
