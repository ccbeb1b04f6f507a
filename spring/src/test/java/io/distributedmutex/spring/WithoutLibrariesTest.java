package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.BeanCreationException;
import org.springframework.stereotype.Component;

/** An application that lacks what is optional: Spring's transactions, Reactor, what bridges it to Kotlin. */
class WithoutLibrariesTest {

    @Component
    static class Plain {
        @DistributedLock(key = "'plain:' + #id")
        String value(int id, Callable<String> body) throws Exception {
            return body.call();
        }

        @DistributedLock(name = "later")
        CompletableFuture<String> later() {
            return CompletableFuture.completedFuture("later");
        }
    }

    /** What runs there. */
    public static final class Script implements Callable<String> {
        @Override
        public String call() throws Exception {
            try (Application application = Application.of(Plain.class)) {
                Plain plain = application.get(Plain.class);
                return Libraries.TRANSACTIONS + " " + Libraries.REACTOR + " "
                        + plain.value(1, () -> application.isHeld("plain:1") + "") + " "
                        + plain.later().get();
            }
        }
    }

    /** Starts an application with a suspend function, and gives what it is refused for. */
    public static final class SuspendFunction implements Callable<String> {
        @Override
        public String call() throws Exception {
            Class<?> calls = Class.forName("io.distributedmutex.spring.SuspendFunctionTest$Misspelt");
            try (Application application = Application.of(calls)) {
                return "not refused: " + application.get(calls);
            } catch (BeanCreationException e) {
                return String.valueOf(e.getMostSpecificCause().getMessage());
            }
        }
    }

    @Test
    void itNeedsNeitherTransactionsNorReactor() throws Exception {
        assertThat(callWithout(Script.class, "spring-tx", "reactor-core", "reactive-streams"))
                .isEqualTo("false false true later");
    }

    @Test
    @Tag("deep") // as what is compiled by Kotlin
    void aSuspendFunctionIsRefusedWhereSpringCannotCallIt() throws Exception {
        for (String missing : List.of("kotlinx-coroutines-reactor", "kotlin-reflect", "reactor-core")) {
            assertThat(callWithout(SuspendFunction.class, missing))
                    .as(missing)
                    .startsWith("@DistributedLock on io.distributedmutex.spring.SuspendFunctionTest$Misspelt.update")
                    .endsWith(
                            "Spring can call a suspend function through a proxy only where kotlinx-coroutines-reactor and"
                                    + " kotlin-reflect are on the class path: add them, or call DistributedMutex.acquireAsync in it");
        }
    }

    private static String callWithout(Class<? extends Callable<String>> type, String... missing) throws Exception {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            String name = new File(entry).getName();
            if (Stream.of(missing).noneMatch(name::startsWith)) {
                urls.add(new File(entry).toURI().toURL());
            }
        }
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader =
                new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            thread.setContextClassLoader(loader);
            Callable<?> script = (Callable<?>)
                    loader.loadClass(type.getName()).getDeclaredConstructor().newInstance();
            return (String) script.call();
        } finally {
            thread.setContextClassLoader(before);
        }
    }
}
