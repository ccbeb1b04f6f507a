package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.netty.util.concurrent.FastThreadLocal;
import io.netty.util.internal.InternalThreadLocalMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NettyThreadLocalsTest {

    private static final FastThreadLocal<String> VALUE = new FastThreadLocal<>();

    @BeforeEach
    @AfterEach
    void forget() {
        FastThreadLocal.removeAll();
    }

    @Test
    void whatComesIsTakenAway() {
        assertThat(NettyThreadLocals.<Boolean>leavingNone(() -> {
                    VALUE.set("ours");
                    return true;
                }))
                .isTrue();

        assertThat(InternalThreadLocalMap.getIfSet()).isNull();
    }

    @Test
    void whatComesBeforeAFailureToo() {
        assertThatIllegalStateException()
                .isThrownBy(() -> NettyThreadLocals.leavingNone(() -> {
                    VALUE.set("ours");
                    throw new IllegalStateException("failed");
                }));

        assertThat(InternalThreadLocalMap.getIfSet()).isNull();
    }

    @Test
    void whatWasThereBeforeStays() {
        VALUE.set("the application's");

        NettyThreadLocals.leavingNone(() -> assertThat(VALUE.get()).isEqualTo("the application's"));

        assertThat(VALUE.get()).isEqualTo("the application's");
    }
}
