package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.StoreException;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.protocol.CommandType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The requests of one slot, on nodes that answer when the test says so. */
class SlotRequestsTest {

    private static final int SLOT = 7;

    private final World world = new World();
    private final List<CompletableFuture<String>> results = new ArrayList<>();

    @Test
    void redirectedRequestsGoBeforeThoseThatCameLater() {
        send("1");
        send("2");
        world.owner = "b";
        world.answerOne();
        send("3");
        world.run();

        assertThat(world.served).containsExactly("1", "2", "3");
        assertThat(results).allSatisfy(result -> assertThat(result).isCompletedWithValue("OK"));
    }

    /** Whatever the client is made to believe, by a node that has not heard yet, while requests are on their way. */
    @Test
    void noRequestIsOvertakenByALaterOne() {
        for (long seed = 1; seed <= 3_000; seed++) {
            SlotRequestsTest life = new SlotRequestsTest();
            List<String> steps = life.liveByChance(new SplittableRandom(seed));
            assertThat(life.world.served.stream().map(Integer::valueOf).toList())
                    .as("seed %d: %s", seed, steps)
                    .isSorted();
            assertThat(life.results).as("seed %d: %s", seed, steps).allMatch(CompletableFuture::isDone);
        }
    }

    private List<String> liveByChance(SplittableRandom random) {
        List<String> steps = new ArrayList<>();
        CompletableFuture<Boolean> subscribed = new CompletableFuture<>();
        for (int i = 0; i < 40; i++) {
            String node = random.nextBoolean() ? "a" : "b";
            switch (random.nextInt(8)) {
                case 0, 1 -> {
                    steps.add("send " + results.size());
                    send("" + results.size());
                }
                case 2, 3 -> {
                    steps.add("answer");
                    world.answerOne();
                }
                case 4 -> {
                    steps.add("go on");
                    world.runOne();
                }
                case 5 -> {
                    steps.add(node + " has the slot");
                    world.becomesOwner(node);
                }
                case 6 -> {
                    steps.add(node + " is said to have the slot");
                    world.master = node;
                }
                default -> {
                    steps.add("hold, or let go");
                    if (!subscribed.complete(true)) {
                        subscribed = new CompletableFuture<>();
                        boolean unused = requests().holdUntil(subscribed, 250);
                    }
                }
            }
        }
        subscribed.complete(true);
        world.run();
        return steps;
    }

    /** Each says that the other has the slot: nine messages for each request, and no more. */
    @Test
    void nodesThatSendEachOtherRequestsAreLeftAlone() {
        world.owner = "nobody";
        for (int i = 0; i < 20; i++) {
            send("" + i);
        }
        world.run();

        assertThat(results).allSatisfy(result -> assertThat(result).isCompletedExceptionally());
        assertThat(world.sent).isEqualTo(20 * (SlotRequests.MAXIMUM_REDIRECTS + 1));
        world.owner = "b";
        assertThat(send("later")).as("the next request").isNotDone();
        world.run();
        assertThat(results.get(20)).isCompletedWithValue("OK");
    }

    /**
     * An Error at every call of a collaborator, before and after what the call does, one at a time, and from one on until it
     * heals: the caller may get the Error, but every call ends without its time limit, and afterwards requests are served.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anErrorAtAnyCallHoldsNoRequest(boolean lasting) {
        List<String> failures = new ArrayList<>();
        int tried = 0;
        for (int moment = 1; ; moment++) {
            SlotRequestsTest life = new SlotRequestsTest();
            life.world.chosen = moment;
            life.world.lasting = lasting;
            String problem = life.live();
            if (life.world.place == null) {
                assertThat(problem).as("without an Error").isNull();
                break;
            }
            tried++;
            if (problem != null) {
                failures.add("moment " + moment + ", " + life.world.place + ": " + problem);
            }
        }
        System.out.printf(
                "%srrors injected into the requests of a slot: %d; that held none: %d%n",
                lasting ? "Lasting e" : "E", tried, tried - failures.size());
        assertThat(failures).isEmpty();
        assertThat(tried).isGreaterThan(50);
    }

    /** What is wrong afterwards; null if nothing is. */
    private @Nullable String live() {
        world.armed = true;
        // The slot goes to another master while requests are on their way.
        let(() -> send("1"));
        let(() -> send("2"));
        world.owner = "b";
        let(world::answerOne);
        let(() -> send("3"));
        world.run();
        // It is found to be elsewhere while requests are on their way.
        let(() -> send("4"));
        world.owner = "a";
        world.master = "a";
        let(() -> send("5"));
        world.run();
        // It moves, and some of its keys are at the other node.
        world.moving.put("6", "b");
        world.moving.put("7", "b");
        let(() -> send("6"));
        let(() -> sendTwo("7"));
        let(() -> send("8"));
        world.run();
        // Somebody waits there for the first time.
        CompletableFuture<Boolean> subscribed = new CompletableFuture<>();
        let(() -> requests().holdUntil(subscribed, 250));
        let(() -> send("9"));
        subscribed.complete(true);
        world.run();
        world.owner = "nobody";
        let(() -> send("10"));
        world.run();
        world.owner = "b";
        world.armed = false;

        world.run();
        long left = results.stream().filter(result -> !result.isDone()).count();
        CompletableFuture<String> last = send("last");
        world.run();
        String atLast = last.isDone() && !last.isCompletedExceptionally() ? last.join() : "not served";
        if (left > 0) {
            return left + " of " + results.size() + " are held";
        }
        return atLast.equals("OK") ? null : "the next request: " + last;
    }

    private SlotRequests requests() {
        return world.requests;
    }

    private static void let(Runnable call) {
        try {
            call.run();
        } catch (OutOfMemoryError e) {
            // The caller may get it.
        }
    }

    private CompletableFuture<String> send(String name) {
        return keep(requests()
                .send(Request.single(name, "k", CommandType.GET, new Arguments()), reply -> text(reply.get(0))));
    }

    private void sendTwo(String name) {
        Request.Pipeline two = new Request.Pipeline(List.of(CommandType.GET, CommandType.EXISTS));
        keep(requests()
                .send(
                        Request.pipeline(name, "k", two, new Arguments()),
                        reply -> text(reply.get(0)) + text(reply.get(1))));
    }

    private CompletableFuture<String> keep(CompletableFuture<String> result) {
        results.add(result);
        return result;
    }

    private static String text(@Nullable Object element) {
        return element instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : String.valueOf(element);
    }

    /** Two nodes and a client's thread, which do nothing by themselves. */
    private static final class World implements SlotRequests.Cluster {

        private final Map<NodeAddress, FakeNode> nodes = new HashMap<>();
        private final Queue<Runnable> tasks = new ArrayDeque<>();
        private final Queue<Runnable> answers = new ArrayDeque<>();
        private final SlotRequests requests = new SlotRequests(SLOT, this);

        /** Which requests were served, in order. */
        private final List<String> served = new ArrayList<>();

        private int sent;

        /** Who has the slot. */
        private String owner = "a";

        /** Whether that has changed while requests are on their way. */
        private boolean changed;

        /** Where those are. */
        private String sentTo = "a";

        /** Who the client believes has it. */
        private String master = "a";

        /** Requests whose keys have gone to the node to which the slot moves. */
        private final Map<String, String> moving = new HashMap<>();

        private boolean armed;
        private boolean lasting;
        private int chosen;
        private int count;
        private @Nullable String place;

        /** A call of a collaborator. */
        void at(String where) {
            if (armed && (++count == chosen || (lasting && where.equals(place)))) {
                place = where;
                throw new OutOfMemoryError("made by the test");
            }
        }

        void answerOne() {
            Runnable answer = answers.poll();
            if (answer != null) {
                answer.run();
            }
        }

        /** Not twice while the same requests are on their way: a node that refuses the first of them refuses all. */
        void becomesOwner(String next) {
            if (answers.isEmpty()) {
                changed = false;
            } else if (changed || !sentTo.equals(owner)) {
                return;
            }
            changed = !answers.isEmpty();
            owner = next;
        }

        void runOne() {
            Runnable task = tasks.poll();
            if (task != null) {
                task.run();
            }
        }

        /** All that is to be done is done; no time limit is over. */
        void run() {
            for (Runnable next = next(); next != null; next = next()) {
                let(next);
            }
        }

        private @Nullable Runnable next() {
            Runnable task = tasks.poll();
            return task != null ? task : answers.poll();
        }

        @Override
        public SlotRequests.Node nodeOf(int slot) {
            at("nodeOf");
            return node(new NodeAddress(master, 1));
        }

        @Override
        public SlotRequests.Node nodeAt(NodeAddress address) {
            at("nodeAt");
            return node(address);
        }

        private FakeNode node(NodeAddress address) {
            return nodes.computeIfAbsent(address, at -> new FakeNode(this, at));
        }

        @Override
        public void moved(int slot, NodeAddress to) {
            at("moved");
            master = to.host();
            at("moved, done");
        }

        @Override
        public void failed(Throwable error) {
            at("failed");
        }

        @Override
        public long nanoTime() {
            return 0;
        }

        @Override
        public void execute(Runnable task) {
            at("execute");
            tasks.add(task);
            at("execute, done");
        }

        @Override
        public void limit(Runnable expire, long sinceNanos) {
            at("limit");
        }

        @Override
        public boolean schedule(Runnable task, long millis) {
            at("schedule");
            return true;
        }
    }

    private static final class FakeNode implements SlotRequests.Node {

        private final World world;
        private final NodeAddress address;
        private final RedisErrors errors;

        FakeNode(World world, NodeAddress address) {
            this.world = world;
            this.address = address;
            this.errors = new RedisErrors(RedisURI.create("redis://" + address.host() + ":1"), 2_000);
        }

        @Override
        public NodeAddress address() {
            return address;
        }

        @Override
        public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
            world.at("send");
            world.sent++;
            world.sentTo = address.host();
            CompletableFuture<T> result = new CompletableFuture<>();
            world.answers.add(() -> answer(request, parser, result));
            world.at("send, done");
            return result;
        }

        private <T> void answer(
                Request request, Function<List<@Nullable Object>, T> parser, CompletableFuture<T> result) {
            String host = address.host();
            String target = world.moving.get(request.operation());
            boolean isAsking = request.parts() == 1 && !request.isPipeline();
            String error = null;
            if (!host.equals(world.owner) && !isAsking) {
                error = "MOVED " + SLOT + " " + (host.equals("a") ? "b" : "a") + ":1";
            } else if (target != null && !target.equals(host)) {
                error = "ASK " + SLOT + " " + target + ":1";
            }
            try {
                List<@Nullable Object> reply = new ArrayList<>();
                byte[] ok = "OK".getBytes(StandardCharsets.UTF_8);
                if (request.isPipeline()) {
                    reply.add(ok);
                    reply.add(error == null ? ok : new Part.ServerError(error));
                } else if (error != null) {
                    throw new RedisCommandExecutionException(error);
                } else {
                    reply.add(ok);
                }
                T value = parser.apply(reply);
                world.served.add(request.operation());
                result.complete(value);
            } catch (RedisCommandExecutionException e) {
                StoreException failure = errors.of(e, request, true);
                result.completeExceptionally(failure);
            }
        }

        @Override
        public void serves() {
            world.at("serves");
        }

        @Override
        public void servesNot() {
            world.at("servesNot");
        }

        @Override
        public RedisErrors errors() {
            world.at("errors");
            return errors;
        }
    }
}
