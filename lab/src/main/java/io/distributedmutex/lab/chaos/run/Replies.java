package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads what servers answer. */
final class Replies {

    private Replies() {}

    static List<?> list(@Nullable Object reply) {
        return reply instanceof List<?> list ? list : List.of();
    }

    static List<String> texts(@Nullable Object reply) {
        return list(reply).stream().map(String::valueOf).toList();
    }

    static boolean answers(EmbeddedRedis server) {
        return server.isAlive() && !server.isPaused();
    }
}
