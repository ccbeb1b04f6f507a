package io.distributedmutex.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.testkit.ManualTime;
import io.distributedmutex.testkit.memory.InMemoryLockStore;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Of what, and when, an instance is made. */
class BuilderTest {

    private final List<LockStore> made = new ArrayList<>();

    private LockStore make() {
        LockStore store = new InMemoryLockStore();
        made.add(store);
        return store;
    }

    @Test
    void aStoreIsMadeWhenTheInstanceIs() {
        DistributedMutex.Builder builder = DistributedMutex.builder(this::make);
        assertThatIllegalArgumentException().isThrownBy(() -> builder.holderLabel(""));
        assertThat(made).isEmpty();

        try (DistributedMutex one = builder.build();
                DistributedMutex other = builder.build()) {
            assertThat(made).hasSize(2);
            one.acquire("k").close();
            other.acquire("k").close();
        }
    }

    @Test
    void theApplicationsNameStandsInTheLabelUnlessThatIsGiven() {
        String pid = ":" + ProcessHandle.current().pid();
        DistributedMutex.Builder builder = DistributedMutex.builder(this::make);
        assertThat(labelOf(builder)).endsWith(pid).doesNotContain("@");
        assertThat(labelOf(builder.application("orders"))).startsWith("orders@").endsWith(pid);
        assertThat(labelOf(builder.holderLabel("blue").application("orders"))).isEqualTo("blue");
    }

    private static String labelOf(DistributedMutex.Builder builder) {
        try (DistributedMutex mutex = builder.build()) {
            return mutex.status().holderLabel();
        }
    }

    @Test
    void optionsThatContradictEachOtherCostNoStore() {
        DistributedMutex.Builder builder = DistributedMutex.builder(this::make)
                .environment(ManualTime.create().newEnvironment())
                .countWallClockSteps(false);

        assertThatIllegalStateException().isThrownBy(builder::build);
        assertThat(made).isEmpty();
    }

    @Test
    void aStoreThatWasMadeIsClosedIfItDoesNotStart() {
        List<String> calls = new ArrayList<>();
        StoreUnreachableException refusal = new StoreUnreachableException("not there", null);
        Supplier<LockStore> unreachable = () -> (LockStore) Proxy.newProxyInstance(
                LockStore.class.getClassLoader(), new Class<?>[] {LockStore.class}, (proxy, method, arguments) -> {
                    calls.add(method.getName());
                    if (method.getName().equals("start")) {
                        throw refusal;
                    }
                    return null;
                });

        assertThatExceptionOfType(StoreUnreachableException.class)
                .isThrownBy(() -> DistributedMutex.builder(unreachable).build())
                .isSameAs(refusal);
        assertThat(calls).containsExactly("start", "close");
    }

    @Test
    void whatMakesTheStoreMustBeThere() {
        assertThatNullPointerException()
                .isThrownBy(() -> DistributedMutex.builder((Supplier<LockStore>) null))
                .withMessage("store");
    }

    /** Something that stands around a store, and notes when it is closed. */
    private static LockStore around(LockStore store, String name, List<String> closed) {
        return (LockStore) Proxy.newProxyInstance(
                LockStore.class.getClassLoader(), new Class<?>[] {LockStore.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        closed.add(name);
                    }
                    return method.invoke(store, arguments);
                });
    }

    @Test
    void aStoreIsAskedThroughWhatStandsAroundIt() {
        List<String> closed = new ArrayList<>();
        List<LockStore> given = new ArrayList<>();
        try (DistributedMutex mutex = DistributedMutex.builder(this::make)
                .decorateStore(store -> {
                    given.add(store);
                    return around(store, "inner", closed);
                })
                .decorateStore(store -> around(store, "outer", closed))
                .build()) {
            mutex.acquire("k").close();
            assertThat(given).isEqualTo(made);
        }
        assertThat(closed).containsExactly("outer", "inner");
    }

    @Test
    void aLazyStoreIsAskedThroughItToo() {
        List<String> closed = new ArrayList<>();
        try (DistributedMutex mutex = DistributedMutex.builder(this::make)
                .lazy()
                .decorateStore(store -> around(store, "around", closed))
                .build()) {
            assertThat(made).isEmpty();
            mutex.acquire("k").close();
            assertThat(made).hasSize(1);
        }
        assertThat(closed).containsExactly("around");
    }

    @Test
    void aStoreThatWasMadeIsClosedIfItsDecoratorFails() {
        List<String> closed = new ArrayList<>();
        DistributedMutex.Builder builder = DistributedMutex.builder(() -> around(make(), "made", closed));
        assertThatIllegalStateException()
                .isThrownBy(() -> builder.decorateStore(store -> {
                            throw new IllegalStateException("no decoration");
                        })
                        .build())
                .withMessage("no decoration");
        assertThat(closed).containsExactly("made");
        assertThatNullPointerException()
                .isThrownBy(() -> DistributedMutex.builder(this::make)
                        .decorateStore(store -> null)
                        .build())
                .withMessage("the store that a decorator gave");
    }
}
