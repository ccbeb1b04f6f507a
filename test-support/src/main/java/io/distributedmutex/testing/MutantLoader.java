package io.distributedmutex.testing;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Loads our classes anew, one source file of them, or one resource, with a mutant's fault. */
public final class MutantLoader extends ClassLoader {

    private static final String OURS = "io.distributedmutex.";

    private static final String RESOURCES = "src/main/resources/";

    private final Map<String, byte[]> mutated;

    /**
     * Compiles the file with the fault; one in {@code src/main/resources} is taken as it is then.
     *
     * @param mutant the fault
     * @param uses a class of each artifact that the file uses
     * @throws IOException if the file cannot be read
     */
    public MutantLoader(Mutant mutant, List<Class<?>> uses) throws IOException {
        super(MutantLoader.class.getClassLoader());
        this.mutated = mutant.file().contains(RESOURCES) ? resource(mutant) : compile(mutant, uses);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded == null && name.startsWith(OURS)) {
                byte[] bytes = mutated.containsKey(name) ? mutated.get(name) : original(name);
                loaded = defineClass(name, bytes, 0, bytes.length);
            }
            return loaded != null ? loaded : super.loadClass(name, resolve);
        }
    }

    private static Map<String, byte[]> resource(Mutant mutant) throws IOException {
        String file = mutant.file();
        String content = mutant.in(Files.readString(repository().resolve(file)));
        return Map.of(
                file.substring(file.indexOf(RESOURCES) + RESOURCES.length()), content.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public InputStream getResourceAsStream(String name) {
        byte[] bytes = mutated.get(name);
        return bytes != null ? new ByteArrayInputStream(bytes) : super.getResourceAsStream(name);
    }

    private byte[] original(String name) throws ClassNotFoundException {
        try (InputStream bytes = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (bytes == null) {
                throw new ClassNotFoundException(name);
            }
            return bytes.readAllBytes();
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    private static Map<String, byte[]> compile(Mutant mutant, List<Class<?>> uses) throws IOException {
        Path file = repository().resolve(mutant.file());
        Map<String, ByteArrayOutputStream> classes = new HashMap<>();
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter messages = new StringWriter();
        String classPath = uses.stream().map(MutantLoader::placeOf).collect(Collectors.joining(File.pathSeparator));
        try (StandardJavaFileManager standard = compiler.getStandardFileManager(null, null, null)) {
            JavaFileManager inMemory = new InMemory(standard, classes);
            List<String> options =
                    List.of("-cp", classPath, "-proc:none", "-nowarn", "-implicit:none", "--release", "17");
            JavaFileObject mutatedSource = new Source(file, mutant.in(Files.readString(file)));
            if (!compiler.getTask(messages, inMemory, null, options, null, List.of(mutatedSource))
                    .call()) {
                throw new AssertionError("'" + mutant.name() + "' does not compile: " + messages);
            }
        }
        return classes.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, entry -> entry.getValue().toByteArray()));
    }

    /**
     * Where the sources are.
     *
     * @return the repository's root
     */
    public static Path repository() {
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            if (Files.exists(folder.resolve("core/src/main/java"))) {
                return folder;
            }
        }
        throw new IllegalStateException("not in a checkout");
    }

    private static String placeOf(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new UncheckedIOException(new IOException(e));
        }
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String text;

        Source(Path file, String text) {
            super(URI.create("memory:///" + file.getFileName()), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    private static final class InMemory extends ForwardingJavaFileManager<StandardJavaFileManager> {
        private final Map<String, ByteArrayOutputStream> classes;

        InMemory(StandardJavaFileManager standard, Map<String, ByteArrayOutputStream> classes) {
            super(standard);
            this.classes = classes;
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                Location location, String className, JavaFileObject.Kind kind, javax.tools.FileObject sibling) {
            return new SimpleJavaFileObject(URI.create("memory:///" + className), kind) {
                @Override
                public OutputStream openOutputStream() {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    classes.put(className, bytes);
                    return bytes;
                }
            };
        }
    }
}
