package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.beans.factory.BeanCreationException;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.context.annotation.Primary;
import org.springframework.stereotype.Component;

/** What cannot work is refused when the bean is made, and says which method, attribute and value. */
class MisuseTest {

    private static void assertRefused(Class<?> type, String... messages) {
        assertThatThrownBy(() -> Application.of(type))
                .isInstanceOf(BeanCreationException.class)
                .hasCauseInstanceOf(IllegalStateException.class)
                .hasMessageContaining("@DistributedLock on " + type.getName() + ".")
                .satisfies(e -> assertThat(e.getMessage()).contains(messages));
    }

    // ---- Where no proxy can be

    @Component
    static class OnPrivate {
        @DistributedLock(name = "k")
        private void method() {}

        void other() {
            method();
        }
    }

    @Test
    void aPrivateMethodIsRefused() {
        assertRefused(OnPrivate.class, "method()", "a private method is not called through the bean's proxy");
    }

    @Component
    static class OnStatic {
        @DistributedLock(name = "k")
        static void method() {}
    }

    @Test
    void aStaticMethodIsRefused() {
        assertRefused(OnStatic.class, "a static method is not called through a bean");
    }

    @Component
    static class OnFinal {
        @DistributedLock(name = "k")
        final void method() {}
    }

    @Test
    void aFinalMethodIsRefused() {
        assertRefused(OnFinal.class, "the method is final, so the bean's proxy, a subclass, cannot override it");
    }

    @Component
    static final class InFinalClass {
        @DistributedLock(name = "k")
        void method() {}
    }

    @Test
    void aFinalClassIsRefused() {
        assertRefused(InFinalClass.class, "the class is final, so it cannot be proxied by a subclass");
    }

    @Component
    static final class FinalWithInterface implements Runnable {
        @Override
        @DistributedLock(name = "k")
        public final void run() {}
    }

    @Test
    void aFinalClassIsFineWhereItIsProxiedByItsInterface() {
        try (Application application = Application.of(FinalWithInterface.class)) {
            application.get(Runnable.class).run();
            application.awaitFree("k");
        }
    }

    @Configuration
    @EnableDistributedLocks(proxyTargetClass = true)
    static class BySubclass {}

    @Test
    void aFinalClassWithAnInterfaceIsRefusedWhereBeansAreProxiedBySubclasses() {
        assertThatThrownBy(() -> Application.ofOnly(BySubclass.class, FinalWithInterface.class))
                .hasMessageContaining("FinalWithInterface.run()")
                .hasMessageContaining("the class is final");
    }

    @Component
    static class NotOnItsInterface implements Runnable {
        @Override
        public void run() {}

        @DistributedLock(name = "k")
        public void method() {}
    }

    @Test
    void aMethodThatIsNotOnTheInterfaceByWhichTheBeanIsProxiedIsRefused() {
        assertRefused(
                NotOnItsInterface.class,
                "the bean is proxied by its interfaces, and none of them has this method",
                "proxyTargetClass = true");
    }

    @Test
    void aMethodThatIsNotOnAnInterfaceIsFineWhereBeansAreProxiedBySubclasses() {
        try (Application application = Application.ofOnly(BySubclass.class, NotOnItsInterface.class)) {
            application.get(NotOnItsInterface.class).method();
            application.awaitFree("k");
        }
    }

    @Component
    static class Circular {
        Circular(@Lazy Circular self) {}

        @DistributedLock(name = "k")
        void method() {}
    }

    @Test
    void aBeanThatKnowsItselfIsFine() {
        try (Application application = Application.of(Circular.class)) {
            application.get(Circular.class).method();
            application.awaitFree("k");
        }
    }

    @Component
    static class Advising implements org.aopalliance.intercept.MethodInterceptor {
        @Override
        public Object invoke(org.aopalliance.intercept.MethodInvocation call) throws Throwable {
            return call.proceed();
        }

        @DistributedLock(name = "k")
        void method() {}
    }

    @Test
    void aBeanThatIsNeverProxiedIsRefused() {
        assertThatThrownBy(() -> Application.of(Advising.class))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Advising.method(): the bean misuseTest.Advising has no proxy");
    }

    // ---- Keys

    @Component
    static class UnknownName {
        @DistributedLock(key = "'tenant:' + #tenant")
        void method(long tenantId, String section) {}
    }

    @Test
    void anUnknownNameInAKeyIsRefused() {
        assertRefused(
                UnknownName.class,
                "UnknownName.method(long, String): key = \"'tenant:' + #tenant\" names #tenant, which there is not;"
                        + " the parameters are #tenantId, #section");
    }

    @Component
    static class BareName {
        @DistributedLock(key = "'tenant:' + tenantId.toString()")
        void method(Long tenantId) {}
    }

    @Test
    void aParameterWithoutItsSignIsRefused() {
        assertRefused(BareName.class, "names tenantId, which is a parameter: write #tenantId");
    }

    @Component
    static class BareText {
        @DistributedLock(key = "report")
        void method() {}
    }

    @Test
    void aTextWithoutQuotesIsRefused() {
        assertRefused(BareText.class, "names report, which there is not; write text in ''");
    }

    @Component
    static class UnknownBean {
        @DistributedLock(key = "@naming.of(#id)")
        void method(int id) {}
    }

    @Test
    void anUnknownBeanInAKeyIsRefused() {
        assertRefused(UnknownBean.class, "names the bean @naming, which there is not");
    }

    @Component
    static class NoExpression {
        @DistributedLock(key = "'tenant:' + ")
        void method() {}
    }

    @Test
    void aKeyThatCannotBeParsedIsRefused() {
        assertRefused(NoExpression.class, "key = \"'tenant:' + \" is no expression");
    }

    @Component
    static class NoKey {
        @DistributedLock
        void method() {}
    }

    @Test
    void anAnnotationWithoutAKeyIsRefused() {
        assertRefused(NoKey.class, "needs a key: an expression as key, or a text as name");
    }

    @Component
    static class TwoKeys {
        @DistributedLock(key = "'a'", name = "b")
        void method() {}
    }

    @Test
    void anAnnotationWithTwoKeysIsRefused() {
        assertRefused(TwoKeys.class, "has both key = \"'a'\" and name = \"b\"");
    }

    @Component
    static class UndefinedPlaceholder {
        @DistributedLock(name = "${report.name}")
        void method() {}
    }

    @Test
    void aPlaceholderThatNothingDefinesIsRefused() {
        assertRefused(UndefinedPlaceholder.class, "name = \"${report.name}\" has a placeholder that nothing defines");
    }

    @Component
    static class Keys {
        @DistributedLock(key = "#key")
        void method(Object key) {}

        @DistributedLock(key = "#key.length()")
        void length(String key) {}
    }

    @Test
    void aKeyThatIsNoneIsRefusedByTheCallAndLocksNothing() {
        try (Application application = Application.of(Keys.class)) {
            Keys keys = application.get(Keys.class);
            String where = "@DistributedLock on " + Keys.class.getName() + ".method(Object): key = \"#key\" ";
            assertThatThrownBy(() -> keys.method(null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(where + "gave null");
            assertThatThrownBy(() -> keys.method(""))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(where + "gave an empty text; a key has 1 to 512 characters");
            assertThatThrownBy(() -> keys.method("x".repeat(513)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(where + "gave 513 characters; a key has at most 512: 'xxxx");
            assertThatThrownBy(() -> keys.method(new Object()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(where + "failed: ");
            assertThatThrownBy(() -> keys.length(null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("key = \"#key.length()\" failed: ");
            assertThat(application.store.contents().isEmpty()).isTrue();
        }
    }

    // ---- Times

    @Component
    static class Times {
        @DistributedLock(
                name = "k",
                waitTime = "${wait:}",
                leaseTime = "${lease:}",
                autoRenew = "${renew:}",
                minimumHold = "${hold:}")
        void method() {}
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "wait|soon|waitTime = \"soon\" is no duration: write 500ms, 2s, 1m30s or PT2S",
                "wait|-1s|waitTime must be from 0 ms to 365 days, but is -1000 ms",
                "lease|5ms|leaseTime must be from 10 ms to 365 days, but is 5 ms",
                "lease|1y|leaseTime = \"1y\" is no duration",
                "renew|30s|autoRenew (maximum hold) of 30000 ms is shorter than the leaseTime of 3600000 ms",
                "hold|2h|minimumHold of 7200000 ms is longer than the leaseTime of 3600000 ms",
            })
    void aTimeThatCannotBeIsRefused(String property, String value, String message) {
        assertThatThrownBy(() -> Application.of(Map.of(property, value), Times.class))
                .hasMessageContaining("@DistributedLock on " + Times.class.getName() + ".method(): ")
                .hasMessageContaining(message);
    }

    @Test
    void aLeaseThatIsTooShortToBeRenewedIsRefused() {
        assertThatThrownBy(() -> Application.of(Map.of("lease", "100ms", "renew", "10m"), Times.class))
                .hasMessageContaining("Times.method(): autoRenew needs a leaseTime of at least 300 ms")
                .hasMessageContaining("but leaseTime is 100 ms");
    }

    // ---- Outcomes

    @Component
    static class SkipsNumber {
        @DistributedLock(name = "k", onNotAcquired = OnNotAcquired.SKIP)
        int method() {
            return 1;
        }
    }

    @Test
    void skippingAMethodThatReturnsAPrimitiveIsRefused() {
        assertRefused(SkipsNumber.class, "onNotAcquired = SKIP cannot return nothing from a method that returns int");
    }

    @Component
    static class NoHandler {
        @DistributedLock(name = "k", notAcquiredHandler = "mutex")
        void method() {}
    }

    @Test
    void aHandlerThatIsNoneIsRefused() {
        assertRefused(NoHandler.class, "notAcquiredHandler = \"mutex\" names no bean of type NotAcquiredHandler");
    }

    @Component
    static class SkipsAndHandles {
        @DistributedLock(name = "k", onNotAcquired = OnNotAcquired.SKIP, notAcquiredHandler = "answers")
        void method() {}
    }

    @Test
    void aHandlerBesideSkipIsRefused() {
        assertRefused(SkipsAndHandles.class, "has both onNotAcquired = SKIP and notAcquiredHandler = \"answers\"");
    }

    @Component
    static class ReturnsFuture {
        @DistributedLock(name = "k")
        Future<String> method() {
            throw new AssertionError();
        }
    }

    @Test
    void aResultWhoseEndCannotBeSeenIsRefused() {
        assertRefused(ReturnsFuture.class, "the method returns a java.util.concurrent.Future");
    }

    /** Looks like a suspend function, but Kotlin has not compiled it, so Spring does not call it as one. */
    @Component
    static class Suspends {
        @DistributedLock(name = "k")
        Object method(String tenant, kotlin.coroutines.Continuation<String> continuation) {
            throw new AssertionError();
        }
    }

    @Test
    void aSuspendFunctionThatSpringDoesNotKnowIsRefused() {
        assertRefused(Suspends.class, "Spring can call a suspend function through a proxy only where");
    }

    // ---- Mutexes

    @Component
    static class AnyMutex {
        @DistributedLock(name = "k")
        void method(Callable<?> body) throws Exception {
            body.call();
        }
    }

    @Configuration
    static class SecondMutex {
        @Bean(destroyMethod = "close")
        DistributedMutex second() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }
    }

    @Configuration
    static class PrimaryMutex {
        @Bean(destroyMethod = "close")
        @Primary
        DistributedMutex second() {
            return DistributedMutex.builder(new InMemoryLockStore()).build();
        }
    }

    @Configuration
    static class LazyMutex {
        static final AtomicReference<DistributedMutex> MADE = new AtomicReference<>();

        @Bean(destroyMethod = "close")
        @Primary
        @Lazy
        DistributedMutex second() {
            DistributedMutex made =
                    DistributedMutex.builder(new InMemoryLockStore()).build();
            MADE.set(made);
            return made;
        }
    }

    @Component
    static class NamedMutex {
        @DistributedLock(name = "k", mutex = "second")
        void method(Callable<?> body) throws Exception {
            body.call();
        }
    }

    @Test
    void twoMutexesOfWhichNoneIsMeantAreRefused() {
        assertThatThrownBy(() -> Application.of(SecondMutex.class, AnyMutex.class))
                .hasMessageContaining(
                        "AnyMutex.method(Callable): does not say which DistributedMutex it means: mutex, second:"
                                + " make one of these beans @Primary, or name one by the attribute mutex");
    }

    @Test
    void thePrimaryMutexIsMeant() throws Exception {
        try (Application application = Application.of(PrimaryMutex.class, AnyMutex.class)) {
            application
                    .get(AnyMutex.class)
                    .method(() -> assertThat(application.isHeld("k")).isFalse());
        }
    }

    @Test
    void aMutexIsMeantByItsName() throws Exception {
        try (Application application = Application.of(SecondMutex.class, NamedMutex.class)) {
            application
                    .get(NamedMutex.class)
                    .method(() -> assertThat(application.isHeld("k")).isFalse());
        }
    }

    @Test
    void aLazyMutexIsMadeByTheFirstCall() throws Exception {
        try (Application application = Application.of(LazyMutex.class, AnyMutex.class)) {
            assertThat(LazyMutex.MADE.get()).isNull();
            application.get(AnyMutex.class).method(() -> null);
            assertThat(LazyMutex.MADE.get()).isNotNull();
        } finally {
            LazyMutex.MADE.set(null);
        }
    }

    @Test
    void aMutexThatIsNotThereIsRefused() {
        assertRefused(NamedMutex.class, "mutex = \"second\" names no bean; those of type DistributedMutex are mutex");
    }

    @Component
    static class WrongMutex {
        @DistributedLock(name = "k", mutex = "misuseTest.WrongMutex")
        void method() {}
    }

    @Test
    void aMutexThatIsSomethingElseIsRefused() {
        assertRefused(WrongMutex.class, "which is no DistributedMutex");
    }
}
