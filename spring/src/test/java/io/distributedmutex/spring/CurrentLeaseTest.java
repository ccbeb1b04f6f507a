package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.distributedmutex.Lease;
import io.distributedmutex.testing.OwnThread;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.springframework.stereotype.Component;

class CurrentLeaseTest {

    @Component
    static class Tenants {
        @DistributedLock(key = "#key")
        public <T> T with(String key, Supplier<T> body) {
            return body.get();
        }

        @DistributedLock(key = "#key")
        public CompletableFuture<Optional<Lease>> later(String key) {
            return CompletableFuture.completedFuture(CurrentLease.find());
        }
    }

    @Test
    void aMethodFindsTheLeaseUnderWhichItRuns() {
        try (Application application = Application.of(Tenants.class)) {
            Lease lease = application.get(Tenants.class).with("tenant:1", CurrentLease::get);

            assertThat(lease.key()).isEqualTo("tenant:1");
            assertThat(lease.fencingToken()).isPositive();
            assertThat(CurrentLease.find()).as("after the call").isEmpty();
        }
    }

    @Test
    void ofCallsWithinCallsItIsThatOfTheInnermost() {
        try (Application application = Application.of(Tenants.class)) {
            Tenants tenants = application.get(Tenants.class);

            List<String> keys = tenants.with(
                    "outer",
                    () -> List.of(
                            tenants.with("inner", () -> CurrentLease.get().key()),
                            CurrentLease.get().key()));

            assertThat(keys).containsExactly("inner", "outer");
            Lease outer = tenants.with("outer", () -> {
                Lease own = CurrentLease.get();
                assertThat(tenants.with("outer", CurrentLease::get))
                        .as("entered again")
                        .isSameAs(own);
                return own;
            });
            assertThat(outer.isValid()).isFalse();
        }
    }

    @Test
    void aMethodThatReturnsAFutureFindsItOnItsThread() throws Exception {
        try (Application application = Application.of(Tenants.class)) {
            Optional<Lease> found =
                    application.get(Tenants.class).later("tenant:1").get();
            assertThat(found)
                    .hasValueSatisfying(lease -> assertThat(lease.key()).isEqualTo("tenant:1"));
        }
    }

    @Test
    void anotherThreadHasNone() {
        try (Application application = Application.of(Tenants.class)) {
            Optional<Lease> elsewhere = application
                    .get(Tenants.class)
                    .with(
                            "tenant:1",
                            () -> CompletableFuture.supplyAsync(CurrentLease::find, OwnThread.EACH)
                                    .join());
            assertThat(elsewhere).isEmpty();
        }
    }

    @Test
    void withoutALeaseTheErrorSaysWhatIsMissing() {
        assertThatIllegalStateException()
                .isThrownBy(CurrentLease::get)
                .withMessage("the thread '" + Thread.currentThread().getName()
                        + "' has no lease: it runs no method with @DistributedLock that was called through its bean");
    }
}
