package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import io.distributedmutex.MutexListener;
import io.distributedmutex.testing.Await;
import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** An application whose classes have a loader of their own, as DevTools restarts one: the loader can go when it has ended. */
@WithRedis
class ClassLoaderLeakTest {

    /** The application's class, loaded anew by each restart. */
    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    public static class Application {

        @Bean
        MutexListener listener() {
            return new Listener();
        }

        static class Listener implements MutexListener {

            private final AtomicInteger heard = new AtomicInteger();

            @Override
            public void onAcquired(Lease lease, Duration waited) {
                heard.incrementAndGet();
            }
        }
    }

    /** Loads the application's classes itself, and all others where they are. */
    private static final class RestartLoader extends URLClassLoader {

        RestartLoader() {
            super(
                    new URL[] {
                        Application.class.getProtectionDomain().getCodeSource().getLocation()
                    },
                    ClassLoaderLeakTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith(Application.class.getName())) {
                Class<?> loaded = findLoadedClass(name);
                return loaded == null ? findClass(name) : loaded;
            }
            return super.loadClass(name, resolve);
        }
    }

    @Test
    void theApplicationsClassesCanGoWhenItHasEnded(EmbeddedRedis redis) throws Exception {
        WeakReference<ClassLoader> loader = runOnce(redis);

        Await.until("the class loader is gone", Duration.ofSeconds(20), () -> {
            System.gc();
            return loader.get() == null;
        });
    }

    private static WeakReference<ClassLoader> runOnce(EmbeddedRedis redis) throws Exception {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        RestartLoader loader = new RestartLoader();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            Class<?> main = loader.loadClass(Application.class.getName());
            assertThat(main).isNotSameAs(Application.class);
            SpringApplication application = new SpringApplication(main);
            application.setWebApplicationType(WebApplicationType.NONE);
            application.setRegisterShutdownHook(false);
            application.setBannerMode(Banner.Mode.OFF);
            try (ConfigurableApplicationContext context = application.run(
                    "--distributed-mutex.redis.uri=" + redis.uri(),
                    "--spring.jmx.enabled=false",
                    "--distributed-mutex.redis.command-timeout=30s")) {
                DistributedMutex mutex = context.getBean(DistributedMutex.class);
                try (Lease lease = mutex.acquire("k")) {
                    mutex.acquireAsync("k").cancel(false);
                    assertThat(lease.isValid()).isTrue();
                }
                mutex.acquireAsync("k").thenAccept(Lease::close).join();
            }
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
        return new WeakReference<>(loader);
    }
}
