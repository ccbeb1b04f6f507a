package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.protocol.CommandType;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;

/** What goes out in one write. Calls come while the thread that hands over has not begun. */
class HandOverTest {

    private final Queue<Runnable> tasks = new ArrayDeque<>();

    /** The operations of each write. */
    private final List<List<String>> writes = new ArrayList<>();

    private final HandOver handOver = new HandOver(connection(), tasks::add, () -> true, false);

    @Test
    void aReleaseGoesOutWithWhatComesBehindIt() {
        add("release", "acquire", "renew");

        assertThat(written()).containsExactly(List.of("release", "acquire"), List.of("renew"));
    }

    @Test
    void aReleaseWaitsForNothing() {
        add("acquire", "release");

        assertThat(written()).containsExactly(List.of("acquire"), List.of("release"));
    }

    @Test
    void ofWhatWaitsAQuarterGoesOutTogether() {
        add("a", "b", "c", "d", "e", "f", "g", "h");

        assertThat(written())
                .startsWith(List.of("a", "b"), List.of("c"), List.of("d"))
                .hasSize(7);
    }

    @Test
    void aWriteHasEightCallsAtMost() {
        for (int i = 0; i < 20; i++) {
            add("release");
        }

        assertThat(written()).extracting(List::size).containsExactly(8, 8, 4);
    }

    private void add(String... operations) {
        for (String operation : operations) {
            Request request = Request.command(operation, CommandType.PING, new Arguments());
            handOver.add(new Call<>(null, request, reply -> reply, 0), true);
        }
    }

    private List<List<String>> written() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
        return writes;
    }

    /** One that only takes what is to be written. */
    @SuppressWarnings("unchecked")
    private StatefulConnection<byte[], byte[]> connection() {
        return (StatefulConnection<byte[], byte[]>) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {StatefulConnection.class}, (proxy, method, arguments) -> {
                    Object written = arguments[0];
                    Collection<?> calls = written instanceof Collection<?> several ? several : List.of(written);
                    writes.add(calls.stream()
                            .map(call -> call.toString().replaceAll("Call\\[(.*)]", "$1"))
                            .toList());
                    return null;
                });
    }
}
