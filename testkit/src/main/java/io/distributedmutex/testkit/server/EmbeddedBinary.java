package io.distributedmutex.testkit.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The redis-server executable that the jar {@code com.github.codemonstur:embedded-redis} carries, one for each
 * operating system and processor, as a resource at the root of the jar.
 *
 * <p>It is unpacked into {@code java.io.tmpdir/dmutex-testkit-USER}, under a name that contains the SHA-256 of its
 * content, once for all JVMs of a user. A file that is there is used only if its content has that hash, and the folder
 * only if it belongs to this user and nobody else may write to it (the temporary folder is everybody's); otherwise a
 * private folder is used, for this JVM alone. The file appears under its name complete, by an atomic move, so JVMs that
 * start together do not disturb each other. Thread-safe.
 */
final class EmbeddedBinary {

    /** Resource names in version 1.4.4 of the jar, by what {@link #platform()} returns. */
    private static final Map<String, String> RESOURCES = Map.of(
            "linux-amd64", "redis-server-6.2.6-v5-linux-amd64",
            "linux-arm64", "redis-server-6.2.7-linux-arm64",
            "linux-386", "redis-server-6.2.7-linux-386",
            "darwin-amd64", "redis-server-6.2.6-v5-darwin-amd64",
            "darwin-arm64", "redis-server-6.2.6-v5-darwin-arm64",
            "windows-amd64", "redis-server-5.0.14.1-windows-amd64.exe");

    private static final String OWNER_ONLY = "rwx------";
    private static final ReentrantLock LOCK = new ReentrantLock();
    private static @Nullable Path unpacked;

    private EmbeddedBinary() {}

    /**
     * Returns the executable, and unpacks it first if it is not there.
     *
     * @throws EmbeddedRedisException if the jar has none for this platform or is not on the class path, or if it cannot
     *     be written
     */
    static Path path() {
        LOCK.lock();
        try {
            Path known = unpacked;
            // Checked each time: a cleaner of the temporary folder may have removed it under a JVM that runs for days.
            if (known != null && Files.isExecutable(known)) {
                return known;
            }
            Path path = unpack();
            unpacked = path;
            return path;
        } finally {
            LOCK.unlock();
        }
    }

    /** Returns the operating system and the processor in the words of the jar, for instance {@code linux-amd64}. */
    private static String platform() {
        String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        String processor = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        String systemName = system.startsWith("mac") ? "darwin" : system.startsWith("windows") ? "windows" : system;
        return systemName
                + switch (processor) {
                    case "amd64", "x86_64" -> "-amd64";
                    case "aarch64", "arm64" -> "-arm64";
                    case "x86", "i386", "i486", "i586", "i686" -> "-386";
                    default -> "-" + processor;
                };
    }

    private static Path unpack() {
        String platform = platform();
        String resource = RESOURCES.get(platform);
        if (resource == null) {
            throw new EmbeddedRedisException("there is no embedded redis-server for " + platform + ", only for "
                    + RESOURCES.keySet().stream().sorted().toList() + "; " + RedisExecutable.ALTERNATIVE);
        }
        try {
            byte[] content = read(resource);
            String hash = hash(content);
            String name = resource.endsWith(".exe") ? "redis-server-" + hash + ".exe" : "redis-server-" + hash;
            Path path = folder().resolve(name);
            if (!Files.isExecutable(path) || !hash(Files.readAllBytes(path)).equals(hash)) {
                write(content, path);
            }
            return path;
        } catch (IOException failure) {
            throw new EmbeddedRedisException(
                    "the embedded redis-server cannot be unpacked: " + failure + "; " + RedisExecutable.ALTERNATIVE,
                    failure);
        }
    }

    private static byte[] read(String resource) throws IOException {
        for (ClassLoader loader : Arrays.asList(
                EmbeddedBinary.class.getClassLoader(), Thread.currentThread().getContextClassLoader())) {
            try (InputStream stream = loader == null ? null : loader.getResourceAsStream(resource)) {
                if (stream != null) {
                    return stream.readAllBytes();
                }
            }
        }
        throw new EmbeddedRedisException("resource " + resource + " is not found: put "
                + "com.github.codemonstur:embedded-redis:1.4.4 on the class path (or on the module path, with "
                + "--add-modules embedded.redis), or " + RedisExecutable.ALTERNATIVE);
    }

    private static void write(byte[] content, Path path) throws IOException {
        Path partial = Files.createTempFile(path.getParent(), "partial-", ".tmp", ownerOnly());
        try {
            Files.write(partial, content);
            Files.move(partial, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    private static Path folder() throws IOException {
        String user = System.getProperty("user.name", "unknown").replaceAll("[^A-Za-z0-9._-]", "_");
        Path shared = Path.of(System.getProperty("java.io.tmpdir", "."), "dmutex-testkit-" + user);
        if (!Files.isDirectory(shared, LinkOption.NOFOLLOW_LINKS)) {
            try {
                return Files.createDirectory(shared, ownerOnly());
            } catch (FileAlreadyExistsException raced) {
                // Another JVM made it just now, or it is something else than a folder; the check below tells.
            }
        }
        return isOurs(shared) ? shared : ServerFolder.create().path();
    }

    private static boolean isOurs(Path folder) throws IOException {
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        if (!hasPermissions()) {
            return true;
        }
        if (!PosixFilePermissions.fromString(OWNER_ONLY).equals(Files.getPosixFilePermissions(folder))) {
            return false;
        }
        Path probe = Files.createTempFile(folder, "owner-", ".tmp");
        try {
            return Files.getOwner(probe).equals(Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS));
        } finally {
            Files.deleteIfExists(probe);
        }
    }

    private static boolean hasPermissions() {
        return FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    }

    private static FileAttribute<?>[] ownerOnly() {
        List<FileAttribute<Set<PosixFilePermission>>> attributes = hasPermissions()
                ? List.of(PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(OWNER_ONLY)))
                : List.of();
        return attributes.toArray(FileAttribute<?>[]::new);
    }

    private static String hash(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java platform has SHA-256", impossible);
        }
    }
}
