package io.distributedmutex.spring;

import org.springframework.util.ClassUtils;

/** Which of the optional libraries the application has. */
final class Libraries {

    /** Spring's transactions. {@link Transactions} must not be touched without them. */
    static final boolean TRANSACTIONS = isPresent("org.springframework.transaction.TransactionExecutionListener");

    /** Reactor. {@link PublisherCalls} must not be touched without it. */
    static final boolean REACTOR = isPresent("reactor.core.publisher.Flux");

    /** What Spring makes a {@code Mono} or {@code Flux} of a suspend function with, within a proxy. */
    static final boolean COROUTINES =
            REACTOR && isPresent("kotlinx.coroutines.reactor.MonoKt") && isPresent("kotlin.reflect.full.KClasses");

    private Libraries() {}

    private static boolean isPresent(String type) {
        return ClassUtils.isPresent(type, Libraries.class.getClassLoader());
    }
}
