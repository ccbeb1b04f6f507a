package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.UninterruptedWait;
import io.distributedmutex.testkit.junit.WithRedis;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An executable that runs a server speaking the Redis protocol, and what it says of itself.
 *
 * <p>{@link EmbeddedRedis#executables()} lists those of this machine; the text form, for instance {@code redis 6.2.11},
 * is fit for the display name of a parameterised test.
 *
 * @param path the executable, as it is to be run. Not resolved: redis-server is often a symbolic link to an executable
 *     that looks at the name it was called by.
 * @param product what it is, in lower case: {@code redis}, {@code valkey}, or the name of another fork
 * @param version its version, as in {@code 6.2.11}; of Valkey its own, not the Redis version it is compatible with
 */
public record RedisExecutable(Path path, String product, String version) {

    /** The value of the setting that means the executable of the embedded-redis jar. */
    static final String EMBEDDED = "embedded";

    /** The value of {@link WithRedis#executable()} that means what {@link EmbeddedRedis#installed()} finds. */
    public static final String INSTALLED = "installed";

    static final String ALTERNATIVE =
            "install redis-server or valkey-server and name it in the system property dmutex.redis.executable or the"
                    + " environment variable DMUTEX_REDIS_EXECUTABLE";

    private static final String PROPERTY = "dmutex.redis.executable";
    private static final String VARIABLE = "DMUTEX_REDIS_EXECUTABLE";
    private static final List<String> NAMES = List.of("redis-server", "valkey-server");
    private static final List<String> USUAL_FOLDERS = List.of(
            "/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin", "/opt/local/bin");
    private static final Pattern VERSION_LINE = Pattern.compile("(\\S+) server v=(\\S+)", Pattern.CASE_INSENSITIVE);
    private static final Duration VERSION_BOUND = Duration.ofSeconds(10);
    private static final int BUSY_TRIES = 100;
    private static final long BUSY_PAUSE_MILLIS = 10;
    private static final Map<Probe, RedisExecutable> PROBED = new ConcurrentHashMap<>();

    /** Checks that nothing is null; the path is not looked at. */
    public RedisExecutable {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(product, "product");
        Objects.requireNonNull(version, "version");
    }

    /** A file at one moment; an executable that is replaced by another version is asked anew. */
    private record Probe(Path path, FileTime modified) {}

    /** Returns the product and the version, for instance {@code valkey 8.0.1}. */
    @Override
    public String toString() {
        return product + " " + version;
    }

    /** Returns whether the first number of the version is so high. */
    boolean isAtLeast(int major) {
        Matcher first = Pattern.compile("\\d{1,9}").matcher(version);
        return first.lookingAt() && Integer.parseInt(first.group()) >= major;
    }

    /** Returns what the system property, else the environment variable names, else the embedded one. */
    static RedisExecutable byDefault() {
        return configured().orElseGet(RedisExecutable::embedded);
    }

    /** Returns what the system property, else the environment variable names. */
    static Optional<RedisExecutable> configured() {
        String property = System.getProperty(PROPERTY);
        if (property != null && !property.isBlank()) {
            return Optional.of(named(property.strip(), "system property " + PROPERTY));
        }
        String variable = System.getenv(VARIABLE);
        if (variable != null && !variable.isBlank()) {
            return Optional.of(named(variable.strip(), "environment variable " + VARIABLE));
        }
        return Optional.empty();
    }

    /**
     * Finds an executable by its setting.
     *
     * @param value {@code embedded}, {@code installed}, a path, or the name of an executable
     * @param setting where the value was set, for messages
     * @return the executable
     * @throws EmbeddedRedisException if there is none
     */
    public static RedisExecutable named(String value, String setting) {
        if (value.equals(EMBEDDED)) {
            return embedded();
        }
        if (value.equals(INSTALLED)) {
            return installed().stream()
                    .findFirst()
                    .orElseThrow(() -> new EmbeddedRedisException(
                            setting + " is 'installed', but none of " + NAMES + " is in " + searched()));
        }
        if (value.indexOf('/') >= 0 || value.indexOf(File.separatorChar) >= 0) {
            return at(Path.of(value));
        }
        return found(value)
                .findFirst()
                .map(RedisExecutable::at)
                .orElseThrow(() -> new EmbeddedRedisException(
                        setting + " is '" + value + "', but there is no executable of that name in " + searched()));
    }

    public static RedisExecutable embedded() {
        return at(EmbeddedBinary.path());
    }

    /** Returns the installed servers that can be run, those on the PATH first, each file once whatever its names. */
    static List<RedisExecutable> installed() {
        Map<Path, RedisExecutable> byFile = new LinkedHashMap<>();
        NAMES.stream().flatMap(RedisExecutable::found).forEach(path -> {
            try {
                byFile.putIfAbsent(path.toRealPath(), at(path));
            } catch (IOException | EmbeddedRedisException unusable) {
                // A broken installation is not available; naming it in the setting says why.
            }
        });
        return List.copyOf(byFile.values());
    }

    /**
     * Returns the executable at the path, after asking it for its version.
     *
     * @throws EmbeddedRedisException if there is no executable file, it cannot be run, or it is not such a server
     */
    static RedisExecutable at(Path given) {
        Path path = given.toAbsolutePath(); // A server is started in a folder of its own.
        if (!Files.isRegularFile(path) || !Files.isExecutable(path)) {
            throw new EmbeddedRedisException(path + " is not an executable file");
        }
        try {
            return PROBED.computeIfAbsent(new Probe(path, Files.getLastModifiedTime(path)), probe -> probe(path));
        } catch (IOException failure) {
            throw new EmbeddedRedisException(path + " cannot be read", failure);
        }
    }

    private static RedisExecutable probe(Path path) {
        String answer = versionAnswer(path).strip();
        Matcher line = VERSION_LINE.matcher(answer);
        if (!line.find()) {
            throw new EmbeddedRedisException("'" + path + " --version' does not answer like a Redis or Valkey server"
                    + " but with: " + (answer.isEmpty() ? "(nothing)" : answer) + "; if it cannot run on this machine, "
                    + ALTERNATIVE);
        }
        return new RedisExecutable(path, line.group(1).toLowerCase(Locale.ROOT), line.group(2));
    }

    private static String versionAnswer(Path path) {
        Path output = null;
        try {
            output = Files.createTempFile("dmutex-version-", ".txt");
            Process process = startUnlessBusy(new ProcessBuilder(path.toString(), "--version")
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile()));
            process.getOutputStream().close();
            boolean ended =
                    UninterruptedWait.atMost(VERSION_BOUND, nanos -> process.waitFor(nanos, TimeUnit.NANOSECONDS));
            process.destroyForcibly();
            if (!ended) {
                throw new EmbeddedRedisException(
                        "'" + path + " --version' did not end within " + VERSION_BOUND.toMillis() + " ms");
            }
            return Files.readString(output, StandardCharsets.ISO_8859_1);
        } catch (IOException failure) {
            throw new EmbeddedRedisException(path + " cannot be run: " + failure.getMessage(), failure);
        } finally {
            deleteQuietly(output);
        }
    }

    /**
     * Starts the process, again and again for up to a second while its file is busy. A file that this JVM has just
     * written cannot be run (ETXTBSY, error 26) as long as a process that another thread is starting at this moment
     * still has the inherited descriptor of the writer open, which it closes a few milliseconds later.
     */
    private static Process startUnlessBusy(ProcessBuilder builder) throws IOException {
        for (int tries = 1; ; tries++) {
            try {
                return builder.start();
            } catch (IOException failure) {
                boolean busy = String.valueOf(failure.getMessage()).contains("error=26,");
                if (!busy || tries >= BUSY_TRIES) {
                    throw failure;
                }
                UninterruptedWait.atMost(Duration.ofMillis(BUSY_PAUSE_MILLIS), nanos -> {
                    TimeUnit.NANOSECONDS.sleep(nanos);
                    return true;
                });
            }
        }
    }

    private static void deleteQuietly(@Nullable Path file) {
        try {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException undeletable) {
            // A small temporary file stays behind.
        }
    }

    private static Stream<Path> found(String name) {
        String fileName = File.separatorChar == '\\' && !name.endsWith(".exe") ? name + ".exe" : name;
        return searched().stream()
                .map(folder -> Path.of(folder, fileName))
                .filter(path -> Files.isRegularFile(path) && Files.isExecutable(path));
    }

    private static List<String> searched() {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Stream.concat(
                        Pattern.compile(Pattern.quote(File.pathSeparator)).splitAsStream(path), USUAL_FOLDERS.stream())
                .filter(folder -> !folder.isBlank())
                .distinct()
                .toList();
    }
}
