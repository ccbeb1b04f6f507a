package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A class that was compiled without {@code -parameters}. */
class WithoutParameterNamesTest {

    @TempDir
    Path folder;

    @Test
    void aNamedParameterIsRefusedAndSaysWhatToDo() throws Exception {
        Class<?> type = compile("'tenant:' + #tenantId");
        assertThatThrownBy(() -> Application.of(type))
                .hasMessageContaining(
                        "@DistributedLock on Unnamed.method(long, Runnable): key = \"'tenant:' + #tenantId\""
                                + " names #tenantId, but Unnamed was compiled without the names of its parameters:"
                                + " compile it with -parameters, or write #p0");
    }

    @Test
    void aParameterByItsIndexIsFine() throws Exception {
        Class<?> type = compile("'tenant:' + #p0");
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(type.getClassLoader());
        try (Application application = Application.of(type)) {
            Object bean = application.get(type);
            Runnable body = () -> assertThat(application.isHeld("tenant:7")).isTrue();
            type.getMethod("method", long.class, Runnable.class).invoke(bean, 7, body);
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    private Class<?> compile(String key) throws Exception {
        Path source = folder.resolve("Unnamed.java");
        Files.writeString(
                source,
                "public class Unnamed {"
                        + " @io.distributedmutex.spring.DistributedLock(key = \"" + key + "\")"
                        + " public void method(long tenantId, Runnable body) { body.run(); } }");
        int result = ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, "-proc:none", "-cp", System.getProperty("java.class.path"), source.toString());
        assertThat(result).isZero();
        return new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader()).loadClass("Unnamed");
    }
}
