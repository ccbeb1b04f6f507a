package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.springframework.stereotype.Component;

/** An application that has neither Spring's transactions nor Reactor. */
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

    @Test
    void itNeedsNeitherTransactionsNorReactor() throws Exception {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            String name = new File(entry).getName();
            if (!name.startsWith("spring-tx")
                    && !name.startsWith("reactor-core")
                    && !name.startsWith("reactive-streams")) {
                urls.add(new File(entry).toURI().toURL());
            }
        }
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader =
                new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            thread.setContextClassLoader(loader);
            Callable<?> script = (Callable<?>) loader.loadClass(Script.class.getName())
                    .getDeclaredConstructor()
                    .newInstance();
            assertThat(script.call()).isEqualTo("false false true later");
        } finally {
            thread.setContextClassLoader(before);
        }
    }
}
