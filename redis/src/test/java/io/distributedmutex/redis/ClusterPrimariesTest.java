package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whose word counts on who has which slots: nodes a and b are masters of a half each, and c takes over. */
class ClusterPrimariesTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final long HALF = ClusterSlots.COUNT / 2;
    private static final String LOST = "CLUSTERDOWN The cluster is down";

    private final String ofA = keyIn(0);
    private final String ofB = keyIn(HALF);
    private FakeClient client;
    private ClusterPrimaries cluster;

    @BeforeEach
    void useBoth() {
        connect();
        assertThat(ask(ofA)).isCompletedWithValue("OK");
        assertThat(ask(ofB)).isCompletedWithValue("OK");
        look();
    }

    private void connect() {
        client = new FakeClient();
        cluster = ClusterPrimaries.found(
                client,
                address("a"),
                slots("a", "b"),
                true,
                new RedisErrors(RedisURI.create("a", 1), TIMEOUT.toMillis()),
                TIMEOUT,
                KeyPrefix.DEFAULT);
    }

    /** Any master may be the one by which an instance gets its messages. */
    @Test
    void aMasterThatIsAwayKeepsNoStoreFromStarting() {
        try (RedisLockStore store = new RedisLockStore(
                KeyPrefix.DEFAULT,
                new ConnectLimits(TIMEOUT, Duration.ofMillis(50), Duration.ofMinutes(2)),
                false,
                new RedisErrors(RedisURI.create("a", 1), TIMEOUT.toMillis()),
                cluster,
                client::nanoTime)) {
            assertThatCode(() -> store.start("label", "instance-id", new Deaf()))
                    .doesNotThrowAnyException();
        }
    }

    private static final class Deaf implements StoreEvents {
        @Override
        public void granted(String key, String token, long fencingToken, int fencingTokens) {}

        @Override
        public void message(String text) {}

        @Override
        public void reconnected() {}
    }

    @Test
    void noThirdNodeLeadsAwayFromAMasterThatServes() {
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("a");
    }

    @Test
    void aMasterSaysItselfThatItIsOneNoMore() {
        node("b").answerSlots("c", "b");
        node("a").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
    }

    /** A node that stood still may answer when another one has long taken over. */
    @Test
    void aLateAnswerCountsForSlotsOfItsNodeAlone() {
        node("a").roles.silent();
        node("b").answerSlots("c", "b");
        assertThat(masterOf(ofA)).isEqualTo("c");
        node("a").answerSlots("a", "c");

        assertThat(masterOf(ofA)).isEqualTo("c");
        assertThat(masterOf(ofB)).isEqualTo("b");
    }

    @Test
    void whatAMasterSaysOfItsOwnSlotsCountsWhateverItSaysOfOthers() {
        node("b").answerSlots("c", "c");

        assertThat(masterOf(ofA)).isEqualTo("a");
        assertThat(masterOf(ofB)).isEqualTo("c");
    }

    @Test
    void othersAreBelievedOnceAMasterIsSilent() {
        node("a").roles.silent();
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
    }

    @Test
    void othersAreBelievedOnceAMasterHasLostTheCluster() {
        node("a").refusal = LOST;
        assertThat(ask(ofA)).isCompletedExceptionally();
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
    }

    @Test
    void othersAreBelievedOnceAMasterHasGivenASlotAway() {
        int other = slotOf(ofA) == 0 ? 1 : 0;
        node("a").refusal = "MOVED " + slotOf(ofA) + " c:1";
        assertThat(ask(ofA)).as("served by the other one").isCompletedWithValue("OK");
        assertThat(masterOf(other)).isEqualTo("a");
        node("b").answerSlots("c", "b");

        assertThat(masterOf(other)).isEqualTo("c");
    }

    @Test
    void othersAreBelievedOnceAMasterIsConnectedAnew() {
        node("a").roles.connected(null);
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
        assertThat(ask(ofA)).isCompletedWithValue("OK");
    }

    /** Cut off from the others, a master sees the cluster as it was. */
    @Test
    void whatANodeSaysThatHasLostTheClusterCountsForNothing() {
        node("a").refusal = LOST;
        assertThat(ask(ofA)).isCompletedExceptionally();
        node("a").answerSlots("a", "b");
        assertThat(masterOf(ofA)).isEqualTo("a");
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
    }

    @Test
    void aMasterThatSaysWhenAskedThatItHasLostTheClusterServesNot() {
        node("a").refusal = LOST;
        node("a").answerSlots("a", "c");
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
        assertThat(masterOf(ofB)).isEqualTo("b");
    }

    @Test
    void othersAreAskedWhereAllThatAreConnectedHaveLostTheCluster() {
        connect();
        assertThat(ask(ofA)).isCompletedWithValue("OK");
        node("a").refusal = LOST;
        look();
        assertThat(client.nodes).containsOnlyKeys(address("a"));
        node("a").answerSlots("a", "b");
        client.runAll();
        assertThat(client.nodes).containsOnlyKeys(address("a"), address("b"));
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
    }

    /** Its slots have no master, but it sees the others. */
    @Test
    void aNodeThatServesNotOneSlotIsBelieved() {
        node("b").refusal = "CLUSTERDOWN Hash slot not served";
        node("a").roles.silent();
        node("b").answerSlots("c", "b");

        assertThat(masterOf(ofA)).isEqualTo("c");
    }

    private CompletableFuture<String> ask(String key) {
        CompletableFuture<String> answer =
                cluster.commands(key).send(Request.single("try", key, CommandType.GET, new Arguments()), reply -> "OK");
        client.runAll();
        return answer;
    }

    private String masterOf(String key) {
        return masterOf(slotOf(key));
    }

    private String masterOf(int slot) {
        client.runAll();
        return cluster.nodeOf(slot).address().host();
    }

    /** Both are asked for the slots, and have not answered yet. */
    private void look() {
        cluster.failed(new RedisCommandExecutionException("CLUSTERDOWN somewhere"));
        client.runAll();
    }

    private FakeNode node(String host) {
        return client.nodes.get(address(host));
    }

    private static int slotOf(String key) {
        return ClusterSlots.slotOf(KeyPrefix.DEFAULT.text() + key);
    }

    private static NodeAddress address(String host) {
        return new NodeAddress(host, 1);
    }

    /** A key in the half that begins with a slot. */
    private static String keyIn(long first) {
        int number = 0;
        while (slotOf(Integer.toString(number)) / HALF != first / HALF) {
            number++;
        }
        return Integer.toString(number);
    }

    private static ClusterSlots slots(String first, String second) {
        return ClusterSlots.parse(reply(first, second), address(first));
    }

    private static List<@Nullable Object> reply(String first, String second) {
        return List.of(
                List.of(0L, HALF - 1, List.of(first.getBytes(StandardCharsets.UTF_8), 1L)),
                List.of(HALF, ClusterSlots.COUNT - 1L, List.of(second.getBytes(StandardCharsets.UTF_8), 1L)));
    }

    private static final class FakeClient extends FakeNodes.Client {

        private final Map<NodeAddress, FakeNode> nodes = new HashMap<>();
        private final Queue<Runnable> tasks = new ArrayDeque<>();

        void runAll() {
            for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
                task.run();
            }
        }

        @Override
        public CompletionStage<NodeConnection> connect(
                NodeAddress address, RedisErrors errors, Duration timeout, RoleListener roles) {
            FakeNode made = new FakeNode(roles);
            nodes.put(address, made);
            return CompletableFuture.completedFuture(made);
        }

        /** None of them is there for pushes. */
        @Override
        public CompletionStage<PushConnection> connectPushes(NodeAddress address) {
            return new CompletableFuture<>();
        }

        @Override
        public void execute(Runnable task) {
            tasks.add(task);
        }

        /** Time stands still, so that nothing is over but what is due at once. */
        @Override
        public boolean schedule(Runnable task, long millis) {
            if (millis == 0) {
                tasks.add(task);
            }
            return true;
        }
    }

    /** Serves all requests, but answers who has which slots when the test says so. */
    private static final class FakeNode extends FakeNodes.Connection {

        private final RoleListener roles;
        private final List<Consumer<List<@Nullable Object>>> asked = new ArrayList<>();
        private @Nullable String refusal;

        FakeNode(RoleListener roles) {
            this.roles = roles;
        }

        void answerSlots(String first, String second) {
            assertThat(asked).as("asked for the slots").isNotEmpty();
            asked.forEach(answer -> answer.accept(reply(first, second)));
            asked.clear();
        }

        /** What it says of the slots, behind what it says to a command for one of them. */
        private List<@Nullable Object> answered(List<@Nullable Object> reply) {
            List<@Nullable Object> replies = new ArrayList<>();
            replies.add(new Part.ServerError(refusal == null ? "ERR offset is out of range" : refusal));
            replies.addAll(reply);
            return replies;
        }

        @Override
        public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
            CompletableFuture<T> answer = new CompletableFuture<>();
            if (request.type() == CommandType.CLUSTER) {
                asked.add(reply -> answer.complete(parser.apply(answered(reply))));
            } else if (refusal != null) {
                answer.completeExceptionally(new RedisCommandExecutionException(refusal));
            } else {
                answer.complete(parser.apply(List.of()));
            }
            return answer;
        }
    }
}
