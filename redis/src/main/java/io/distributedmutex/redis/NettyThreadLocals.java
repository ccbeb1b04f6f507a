package io.distributedmutex.redis;

import io.netty.util.concurrent.FastThreadLocal;
import io.netty.util.internal.InternalThreadLocalMap;
import java.util.function.Supplier;

/**
 * Removes what Netty keeps in each thread that uses it. On a container's thread it would stay for as long as that thread lives,
 * and keep the class loader of an application that was stopped long ago.
 */
final class NettyThreadLocals {

    private NettyThreadLocals() {}

    /**
     * Runs something that uses Netty, and leaves nothing of Netty's in the calling thread. A thread that has something of
     * Netty's already, as Netty's own and those of an application with Netty have, keeps all.
     *
     * @param task what to run
     * @param <T> the result
     * @return the result
     */
    static <T> T leavingNone(Supplier<T> task) {
        boolean hadSome = InternalThreadLocalMap.getIfSet() != null;
        try {
            return task.get();
        } finally {
            if (!hadSome) {
                FastThreadLocal.removeAll();
            }
        }
    }

    /**
     * As {@link #leavingNone(Supplier)}.
     *
     * @param task what to run
     */
    static void leavingNone(Runnable task) {
        leavingNone(() -> {
            task.run();
            return true;
        });
    }
}
