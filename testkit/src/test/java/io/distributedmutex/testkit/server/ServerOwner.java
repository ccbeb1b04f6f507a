package io.distributedmutex.testkit.server;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A JVM of its own that starts a server, says which, and does not close it. */
final class ServerOwner {

    private ServerOwner() {}

    /** What the JVM said: the process and the folder of its server. */
    record Report(long pid, Path folder) {}

    /** Starts servers, says which is the last, and exits; or starts one and stays for a minute. */
    public static void main(String[] arguments) throws InterruptedException {
        boolean stays = arguments[0].equals("stay");
        EmbeddedRedis redis = stays
                ? EmbeddedRedis.start()
                : EmbeddedRedis.sentinel(1, 1).start().sentinels().get(0);
        System.out.println(redis.pid() + " " + redis.folder());
        if (stays) {
            boolean released = new CountDownLatch(1).await(1, TimeUnit.MINUTES);
            System.out.println("left alone: " + !released);
        }
    }

    static Process start(String behaviour) throws IOException {
        String classPath = Stream.of(
                        "io/distributedmutex/testkit/server/EmbeddedRedis.class",
                        "io/distributedmutex/testkit/server/ServerOwner.class",
                        "org/slf4j/Logger.class",
                        "redis/embedded/RedisServer.class")
                .map(ServerOwner::location)
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder =
                new ProcessBuilder(List.of(java, "-cp", classPath, ServerOwner.class.getName(), behaviour));
        if (behaviour.equals("exit")) {
            builder.environment().put("PATH", "/nonexistent"); // No setpriv: the shutdown hook is on its own.
        }
        return builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    /** Reads the report; the pipe ends, and this fails, if the JVM fails to start a server. */
    static Report report(Process jvm) throws IOException {
        BufferedReader output = new BufferedReader(new InputStreamReader(jvm.getInputStream(), StandardCharsets.UTF_8));
        String line = Objects.requireNonNull(output.readLine(), "the JVM said nothing");
        List<String> words = List.of(line.split(" ", 2));
        return new Report(Long.parseLong(words.get(0)), Path.of(words.get(1)));
    }

    /** Returns the folder or jar that the class is loaded from. */
    private static String location(String resource) {
        URL url = Objects.requireNonNull(ServerOwner.class.getClassLoader().getResource(resource), resource);
        String text = url.toString();
        String root = text.substring(0, text.length() - resource.length());
        String file = root.startsWith("jar:") ? root.substring("jar:".length(), root.length() - "!/".length()) : root;
        return Path.of(URI.create(file)).toString();
    }
}
