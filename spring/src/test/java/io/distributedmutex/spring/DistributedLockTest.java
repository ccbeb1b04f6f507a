package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.Lease;
import io.distributedmutex.LockInfo;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.context.annotation.Bean;
import org.springframework.core.annotation.AliasFor;
import org.springframework.stereotype.Component;

class DistributedLockTest {

    // ---- Which key

    @Component
    static class Tenants {
        record Request(long tenant, String section) {}

        @DistributedLock(key = "'tenant:' + #tenantId")
        String byName(long tenantId, Callable<String> body) throws Exception {
            return body.call();
        }

        @DistributedLock(key = "'tenant:' + #p0 + ':' + #a1.section")
        void byIndex(long tenantId, Request request, Runnable body) {
            body.run();
        }

        @DistributedLock(key = "targetClass.simpleName + '.' + method.name + '/' + args.length + '/' + target.suffix()")
        void byRoot(Runnable body) {
            body.run();
        }

        @DistributedLock(key = "@namespace + ':' + #tenantId")
        void byBean(long tenantId, Runnable body) {
            body.run();
        }

        @DistributedLock(key = "#ids.![#this + 1].?[#this > 2][0] + '-' + (#ids.isEmpty() ? 'none' : 'some')")
        void bySelection(List<Integer> ids, Runnable body) {
            body.run();
        }

        @DistributedLock(name = "${report.name}:daily")
        void fixed(Runnable body) {
            body.run();
        }

        @DistributedLock(key = "'${report.name}:' + #day")
        void computedWithPlaceholder(int day, Runnable body) {
            body.run();
        }

        public String suffix() {
            return "x";
        }

        @Bean
        static String namespace() {
            return "shop";
        }
    }

    private static Application tenants() {
        return Application.of(Map.of("report.name", "report"), Tenants.class);
    }

    @Test
    void aMethodRunsUnderALeaseOnItsKeyAndGivesItBack() throws Exception {
        try (Application application = tenants()) {
            String result = application.get(Tenants.class).byName(7, () -> {
                assertThat(application.isHeld("tenant:7")).isTrue();
                assertThat(application.isHeld("tenant:8")).isFalse();
                return "done";
            });

            assertThat(result).isEqualTo("done");
            application.awaitFree("tenant:7");
        }
    }

    @Test
    void aKeyMayNameParametersByIndex() {
        try (Application application = tenants()) {
            application
                    .get(Tenants.class)
                    .byIndex(
                            7,
                            new Tenants.Request(7, "settings"),
                            () -> assertThat(application.isHeld("tenant:7:settings"))
                                    .isTrue());
        }
    }

    @Test
    void aKeyMayUseTheMethodTheTargetAndTheArguments() {
        try (Application application = tenants()) {
            application
                    .get(Tenants.class)
                    .byRoot(() ->
                            assertThat(application.isHeld("Tenants.byRoot/1/x")).isTrue());
        }
    }

    @Test
    void aKeyMayUseBeans() {
        try (Application application = tenants()) {
            application
                    .get(Tenants.class)
                    .byBean(3, () -> assertThat(application.isHeld("shop:3")).isTrue());
        }
    }

    @Test
    void namesWithinASelectionAreThoseOfItsElements() {
        try (Application application = tenants()) {
            application
                    .get(Tenants.class)
                    .bySelection(
                            List.of(1, 2, 3),
                            () -> assertThat(application.isHeld("3-some")).isTrue());
        }
    }

    @Test
    void aKeyMayBeAFixedTextWithPlaceholders() {
        try (Application application = tenants()) {
            application
                    .get(Tenants.class)
                    .fixed(() -> assertThat(application.isHeld("report:daily")).isTrue());
            application
                    .get(Tenants.class)
                    .computedWithPlaceholder(
                            4, () -> assertThat(application.isHeld("report:4")).isTrue());
        }
    }

    @Test
    void whatTheMethodThrowsReachesTheCallerAndFreesTheKey() {
        try (Application application = tenants()) {
            IOException failure = new IOException("disk");

            assertThatThrownBy(() -> application.get(Tenants.class).byName(7, () -> {
                        throw failure;
                    }))
                    .isSameAs(failure);
            application.awaitFree("tenant:7");
        }
    }

    // ---- Where the annotation stands

    @DistributedLock(leaseTime = "10s", waitTime = "0")
    @Retention(RetentionPolicy.RUNTIME)
    @interface ShortLock {
        @AliasFor(annotation = DistributedLock.class, attribute = "key")
        String value();
    }

    interface Greeter {
        @DistributedLock(key = "'greet:' + #name")
        String greet(String name);
    }

    @Component
    static class Worker {
        @Autowired
        Application.Locks any;

        @ShortLock("'short:' + #id")
        public void shortly(int id, Runnable body) {
            body.run();
        }

        @DistributedLock(name = "package")
        void packagePrivate(Runnable body) {
            body.run();
        }

        @DistributedLock(name = "protected")
        protected void guarded(Runnable body) {
            body.run();
        }
    }

    @Component
    static class PoliteGreeter implements Greeter {
        @Autowired
        io.distributedmutex.DistributedMutex mutex;

        @Override
        public String greet(String person) {
            return "hello " + person + " " + mutex.inspect("greet:" + person).isPresent();
        }
    }

    abstract static class Inherited<T> {
        @DistributedLock(key = "'inherited:' + #item")
        public void handle(T item, Runnable body) {
            body.run();
        }
    }

    @Component
    static class Inheriting extends Inherited<String> {}

    interface Handler<T> {
        void handle(T item, Runnable body);
    }

    @Component
    static class GenericHandler implements Handler<String> {
        @Override
        @DistributedLock(key = "'handle:' + #item")
        public void handle(String item, Runnable body) {
            body.run();
        }
    }

    @Test
    void aMethodOfAGenericInterfaceIsLocked() {
        try (Application application = Application.of(GenericHandler.class)) {
            @SuppressWarnings("unchecked")
            Handler<String> handler = application.get(Handler.class);
            assertThat(AopUtils.isJdkDynamicProxy(handler)).isTrue();
            handler.handle("a", () -> assertThat(application.isHeld("handle:a")).isTrue());
        }
    }

    @Test
    void itIsUsableAsAMetaAnnotation() {
        try (Application application = Application.of(Worker.class)) {
            application.get(Worker.class).shortly(5, () -> {
                LockInfo info = application.mutex.inspect("short:5").orElseThrow();
                assertThat(info.remaining()).isPresent();
                assertThat(info.remaining().orElseThrow()).isLessThanOrEqualTo(Duration.ofSeconds(10));
            });
        }
    }

    @Test
    void methodsNeedNotBePublic() {
        try (Application application = Application.of(Worker.class)) {
            Worker worker = application.get(Worker.class);
            worker.packagePrivate(
                    () -> assertThat(application.isHeld("package")).isTrue());
            worker.guarded(() -> assertThat(application.isHeld("protected")).isTrue());
        }
    }

    @Test
    void anAnnotationOnAnInterfaceHoldsForABeanThatIsProxiedByIt() {
        try (Application application = Application.of(PoliteGreeter.class)) {
            Greeter greeter = application.get(Greeter.class);

            assertThat(AopUtils.isJdkDynamicProxy(greeter)).isTrue();
            assertThat(greeter.greet("Ada")).isEqualTo("hello Ada true");
        }
    }

    @Test
    void anInheritedMethodIsLocked() {
        try (Application application = Application.of(Inheriting.class)) {
            application
                    .get(Inheriting.class)
                    .handle(
                            "a",
                            () -> assertThat(application.isHeld("inherited:a")).isTrue());
        }
    }

    // ---- How it is acquired

    @Component
    static class Jobs {
        @DistributedLock(name = "job", waitTime = "${job.wait:10ms}")
        int orThrow() {
            return 1;
        }

        @DistributedLock(name = "job", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        void orSkip(Runnable body) {
            body.run();
        }

        @DistributedLock(name = "job", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        @Nullable
        String skippedText() {
            return "text";
        }

        @DistributedLock(name = "job", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        Optional<String> skippedOptional() {
            return Optional.of("text");
        }

        @DistributedLock(name = "job", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        OptionalInt skippedNumber() {
            return OptionalInt.of(1);
        }

        @DistributedLock(name = "job", waitTime = "0", notAcquiredHandler = "answers")
        int handled(int number) throws Exception {
            return number;
        }

        @DistributedLock(name = "job", waitTime = "0", notAcquiredHandler = "wrongAnswers")
        int handledWrongly() {
            return 0;
        }

        @DistributedLock(name = "renewed", leaseTime = "9s", autoRenew = "PT10M")
        void renewed(Runnable body) {
            body.run();
        }

        @DistributedLock(name = "rate", leaseTime = "1m", minimumHold = "1m", waitTime = "0")
        void atMostOnceAMinute() {}

        @Bean
        static NotAcquiredHandler answers() {
            return (failure, method, arguments) -> {
                if (arguments[0] instanceof Integer number && number < 0) {
                    throw new IOException("no answer for " + failure.key() + " of " + method.getName());
                }
                return 42;
            };
        }

        @Bean
        static NotAcquiredHandler wrongAnswers() {
            return (failure, method, arguments) -> "text";
        }
    }

    @Test
    void aCallThatDoesNotGetItsKeyInTimeThrows() {
        try (Application application = Application.of(Jobs.class);
                Lease taken = application.other.acquire("job")) {
            assertThatThrownBy(() -> application.get(Jobs.class).orThrow())
                    .isInstanceOfSatisfying(
                            LockNotAcquiredException.class,
                            e -> assertThat(e.key()).isEqualTo(taken.key()));
        }
    }

    @Test
    void aCallThatIsSkippedReturnsNothing() {
        try (Application application = Application.of(Jobs.class);
                Lease taken = application.other.acquire("job")) {
            Jobs jobs = application.get(Jobs.class);
            jobs.orSkip(() -> {
                throw new AssertionError("ran");
            });
            assertThat(jobs.skippedText()).isNull();
            assertThat(jobs.skippedOptional()).isEmpty();
            assertThat(jobs.skippedNumber()).isEmpty();
            assertThat(taken.isValid()).isTrue();
        }
    }

    @Test
    void aCallThatIsNotSkippedRuns() {
        try (Application application = Application.of(Jobs.class)) {
            Jobs jobs = application.get(Jobs.class);
            assertThat(jobs.skippedText()).isEqualTo("text");
        }
    }

    @Test
    void aHandlerAnswersInPlaceOfTheMethod() throws Exception {
        try (Application application = Application.of(Jobs.class);
                Lease taken = application.other.acquire("job")) {
            Jobs jobs = application.get(Jobs.class);
            assertThat(jobs.handled(1)).isEqualTo(42);
            assertThatThrownBy(() -> jobs.handled(-1)).hasMessage("no answer for job of handled");
            assertThatThrownBy(jobs::handledWrongly)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("Jobs.handledWrongly()")
                    .hasMessageContaining("wrongAnswers returned java.lang.String, but the method returns int");
            assertThat(taken.isValid()).isTrue();
        }
    }

    @Test
    void aLeaseIsRenewedWhileTheMethodRuns() {
        try (Application application = Application.of(Jobs.class)) {
            application.get(Jobs.class).renewed(() -> {
                Lease lease = CurrentLease.get();
                AtomicReference<Duration> left = new AtomicReference<>(lease.remaining());
                Await.until("more is left than before", () -> {
                    Duration now = lease.remaining();
                    return now.compareTo(left.getAndSet(now)) > 0;
                });
                assertThat(application.isHeld("renewed")).isTrue();
            });
        }
    }

    @Test
    void aKeyStaysTakenForItsMinimumHold() {
        try (Application application = Application.of(Jobs.class)) {
            Jobs jobs = application.get(Jobs.class);
            jobs.atMostOnceAMinute();
            assertThatThrownBy(jobs::atMostOnceAMinute).isInstanceOf(LockNotAcquiredException.class);
        }
    }

    @Component
    static class Counter {
        private int count;

        @DistributedLock(name = "counter", waitTime = "1m")
        void increment() {
            int before = count;
            Thread.yield();
            count = before + 1;
        }
    }

    @Test
    void oneCallRunsAtATime() throws Exception {
        try (Application application = Application.of(Counter.class)) {
            Counter counter = application.get(Counter.class);
            ExecutorService threads = Executors.newFixedThreadPool(8);
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < 400; i++) {
                running.add(threads.submit(counter::increment));
            }
            for (Future<?> each : running) {
                each.get();
            }
            threads.shutdown();
            assertThat(((Counter) org.springframework.aop.framework.AopProxyUtils.getSingletonTarget(counter)).count)
                    .isEqualTo(400);
        }
    }
}
