package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.protocol.CommandType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A node whose connection is made, and which answers, when the test says so. */
class ClusterNodeTest {

    private static final Duration TIMEOUT = Duration.ofMillis(700);

    private final FakeClient client = new FakeClient();
    private final List<ClusterNode> doubted = new ArrayList<>();
    private final ClusterNode node =
            new ClusterNode(new NodeAddress("a", 1), client, TIMEOUT, new Doubts(), true, "messages", new NoPushes());

    @Test
    void aRequestThatWaitsForTheConnectionInVainEndsWithItsTime() {
        CompletableFuture<String> answer = send();

        client.timeIsUp();

        assertUnreachable(answer, true);
        assertThat(doubted).containsExactly(node);
    }

    @Test
    void aRequestThatWasSentWhenTheConnectionCameHasNoLongerThanOthers() {
        CompletableFuture<String> answer = send();
        client.made.complete(client.connection);
        assertThat(client.connection.answers).hasSize(1);

        client.timeIsUp();

        assertUnreachable(answer, false);
        client.connection.answers.get(0).run();
        assertUnreachable(answer, false);
    }

    @Test
    void anAnswerInTimeIsAnAnswer() {
        CompletableFuture<String> answer = send();
        client.made.complete(client.connection);
        client.connection.answers.get(0).run();

        client.timeIsUp();

        assertThat(answer).isCompletedWithValue("OK");
        assertThat(doubted).isEmpty();
    }

    private CompletableFuture<String> send() {
        return node.send(Request.command("try", CommandType.PING, new Arguments()), reply -> "OK");
    }

    private static void assertUnreachable(CompletableFuture<String> answer, boolean isSurelyNotSent) {
        assertThat(answer).isCompletedExceptionally();
        assertThatThrownBy(answer::join)
                .isInstanceOf(CompletionException.class)
                .cause()
                .isInstanceOfSatisfying(
                        StoreUnreachableException.class,
                        failure -> assertThat(failure.isSurelyNotSent()).isEqualTo(isSurelyNotSent))
                .hasMessageContaining("700 ms");
    }

    private static final class FakeClient extends FakeNodes.Client {

        private final FakeConnection connection = new FakeConnection();
        private final CompletableFuture<NodeConnection> made = new CompletableFuture<>();
        private final List<Runnable> limits = new ArrayList<>();

        void timeIsUp() {
            limits.forEach(Runnable::run);
        }

        @Override
        public CompletionStage<NodeConnection> connect(
                NodeAddress address, RedisErrors errors, Duration timeout, RoleListener roles) {
            return made;
        }

        @Override
        public void execute(Runnable task) {
            task.run();
        }

        @Override
        public boolean schedule(Runnable task, long millis) {
            if (millis == TIMEOUT.toMillis()) {
                limits.add(task);
            }
            return true;
        }
    }

    private static final class FakeConnection extends FakeNodes.Connection {

        private final List<Runnable> answers = new ArrayList<>();

        @Override
        public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
            CompletableFuture<T> answer = new CompletableFuture<>();
            answers.add(() -> answer.complete(parser.apply(List.of())));
            return answer;
        }
    }

    private final class Doubts implements ClusterNode.Listener {

        @Override
        public void doubtful(ClusterNode at) {
            doubted.add(at);
        }

        @Override
        public void reconnected(ClusterNode at) {}
    }

    private static final class NoPushes implements NodePushes.Listener {

        @Override
        public void received(String push) {}

        @Override
        public void told(String message) {}

        @Override
        public void missed() {}

        @Override
        public void doubtful() {}
    }
}
