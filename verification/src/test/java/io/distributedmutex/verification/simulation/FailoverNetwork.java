package io.distributedmutex.verification.simulation;

import io.distributedmutex.redis.SimulatedDeployment.Failure;
import io.distributedmutex.redis.SimulatedDeployment.Link;
import io.distributedmutex.redis.SimulatedDeployment.Pushed;
import io.distributedmutex.redis.SimulatedDeployment.Wire;
import io.distributedmutex.verification.simulation.SimulatedNodes.Node;
import io.distributedmutex.verification.simulation.SimulatedNodes.Session;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The network between an instance and the nodes: each connection keeps the order of what goes over it, both ways, takes its time,
 * and may break, with what is on its way. It also sees whether requests for a key take effect in the order in which they were made.
 */
final class FailoverNetwork implements Wire {

    /**
     * What follows SET in an attempt to acquire. If these are redirected, and SET is not, requests that were behind them on the
     * same connection come between; no harm is in that.
     */
    private static final Set<String> FOLLOWING = Set.of("XADD", "EXISTS", "GETRANGE");

    private static final long CONNECT_NANOS = 2_000_000_000L;

    final String label;
    private final SimulatedNodes nodes;
    private final FailoverWitness witness;
    private final SimulatedProcess process;
    private final SplittableRandom random;
    private final Set<Connection> open = new LinkedHashSet<>();

    /** One in how many messages breaks its connection, and one in how many pushes is lost; 0 for none. */
    private int faultsOneIn;

    private boolean isCut;
    private boolean isInstant = true;
    private int primary;

    // ---- the order of requests
    /** Those whose callers have no answer yet. */
    private final Map<Object, Asked> asked = new IdentityHashMap<>();

    /** The latest that was done, of each key. */
    private final Map<String, Done> latest = new HashMap<>();

    private long nextOrder;

    /**
     * A request.
     *
     * @param refusals the nodes that sent it elsewhere, and how often slots had changed hands by then
     */
    private record Asked(long order, String key, Map<Node, Integer> refusals) {}

    private record Done(long order, Node node) {}

    FailoverNetwork(
            String label,
            SimulatedNodes nodes,
            FailoverWitness witness,
            SimulatedProcess process,
            SplittableRandom random,
            int faultsOneIn) {
        this.label = label;
        this.nodes = nodes;
        this.witness = witness;
        this.process = process;
        this.random = random;
        this.faultsOneIn = faultsOneIn;
        this.primary = nodes.master(0).port();
    }

    /** The instance has started: from now on everything takes time. */
    void started() {
        isInstant = false;
    }

    void heal() {
        faultsOneIn = 0;
        cut(false);
    }

    /** Nothing gets through any more. */
    void cut(boolean nowCut) {
        isCut = nowCut;
        if (!nowCut) {
            // What was lost meanwhile is not made up for: such a connection has ended.
            List.copyOf(open).stream().filter(connection -> connection.isTorn).forEach(Connection::breakOff);
        }
    }

    /** All connections break. */
    void breakAll() {
        List.copyOf(open).forEach(Connection::breakOff);
    }

    /** Sentinels have told which port it is. */
    void primaryIs(int port) {
        primary = port;
    }

    // ---- Wire

    @Override
    public long nanoTime() {
        return process.nanoTime();
    }

    @Override
    public void later(Runnable task, long nanos) {
        if (isInstant && nanos == 0) {
            task.run();
        } else {
            var unused = process.later(task, nanos);
        }
    }

    @Override
    public int primary() {
        return primary;
    }

    @Override
    public void connect(int port, Consumer<@Nullable Link> opened) {
        Node node = nodes.at(port);
        boolean[] over = new boolean[1];
        Consumer<@Nullable Link> once = link -> {
            if (!over[0]) {
                over[0] = true;
                opened.accept(link);
            } else if (link != null) {
                link.close();
            }
        };
        if (isInstant) {
            once.accept(new Connection(node));
            return;
        }
        var unused = process.later(() -> once.accept(null), CONNECT_NANOS);
        after(latency(), () -> {
            if (isCut) {
                return;
            }
            if (node.isDown) {
                after(latency(), () -> process.whenRunning(() -> once.accept(null)));
                return;
            }
            nodes.arrive(node, () -> {
                Connection made = new Connection(node);
                after(latency(), () -> process.whenRunning(() -> once.accept(made.isOpen() ? made : null)));
            });
        });
    }

    @Override
    public Runnable asked(Object request, String key) {
        asked.put(request, new Asked(nextOrder++, key, new HashMap<>()));
        return () -> asked.remove(request);
    }

    /**
     * A node has done what was asked, so it comes after what was asked before. But if a node refuses a request, has the slot again a
     * moment later, and then serves those that were on their way to it, nobody could have kept the order.
     */
    private void done(Node node, Asked one, List<String> words) {
        if (asked.containsValue(one) && !FOLLOWING.contains(words.get(0))) {
            Done last = latest.get(one.key);
            boolean isLater = last == null || one.order > last.order;
            if (!isLater
                    && one.order != last.order
                    && nodes.changes() == one.refusals.getOrDefault(last.node, nodes.changes())) {
                witness.broken("a request of " + label + " for " + one.key + " was overtaken by a later one: "
                        + shown(words) + " at " + node);
            }
            if (isLater) {
                latest.put(one.key, new Done(one.order, node));
            }
        }
    }

    static String shown(List<String> words) {
        return words.get(0).equals("EVAL") && words.get(1).length() > 50
                ? "script of " + words.get(1).length() + " characters " + words.subList(3, words.size())
                : words.toString();
    }

    private void after(long nanos, Runnable task) {
        nodes.time.runAfter(task, nanos);
    }

    private boolean fault() {
        return faultsOneIn > 0 && random.nextInt(faultsOneIn) == 0;
    }

    /** Mostly below 1 ms, now and then up to 30 ms. */
    private long latency() {
        return 50_000 + random.nextLong(random.nextInt(20) == 0 ? 30_000_000 : 1_000_000);
    }

    /** A connection, seen from both sides. */
    private final class Connection extends Session implements Link {

        private final Node node;
        private boolean isOpen = true;
        private boolean isOpenThere = true;

        /** Whether something on it was lost. */
        private boolean isTorn;

        private long lastArrival;
        private long lastReply;
        private @Nullable Asked running;
        private Runnable lost = () -> {};
        private Pushed pushed = (kind, channel, message) -> {};

        Connection(Node node) {
            this.node = node;
            open.add(this);
            if (node.isDown) {
                breakOff();
            } else {
                node.sessions.add(this);
            }
        }

        @Override
        public boolean isOpen() {
            return isOpen;
        }

        @Override
        public void listen(Runnable whenLost, Pushed whenPushed) {
            lost = whenLost;
            pushed = whenPushed;
        }

        @Override
        public void send(Object request, List<List<String>> commands, Consumer<List<@Nullable Object>> answered) {
            if (isInstant) {
                answered.accept(nodes.run(node, this, commands));
                return;
            }
            Asked by = asked.get(request);
            boolean breaks = fault();
            if (isCut || (breaks && random.nextBoolean())) {
                isTorn = true;
                if (breaks) {
                    breakOff();
                }
                return;
            }
            long now = nodes.time.elapsed().toNanos();
            lastArrival = Math.max(now + latency(), lastArrival);
            after(
                    lastArrival - now,
                    () -> nodes.arrive(node, () -> {
                        if (isOpenThere) {
                            running = by;
                            List<@Nullable Object> replies = nodes.run(node, this, commands);
                            running = null;
                            toClient(() -> answered.accept(replies));
                        }
                    }));
            if (breaks) {
                breakOff();
            }
        }

        private static boolean isElsewhere(@Nullable Object reply) {
            return reply instanceof Failure failure
                    && (failure.text().startsWith("MOVED ")
                            || failure.text().startsWith("ASK ")
                            || failure.text().startsWith("TRYAGAIN")
                            || failure.text().startsWith("CLUSTERDOWN")
                            || failure.text().startsWith("READONLY"));
        }

        @Override
        void done(List<String> words, @Nullable Object reply) {
            witness.note(() -> node + " from " + label + ": " + shown(words) + " -> " + reply);
            Asked by = running;
            if (isElsewhere(reply)) {
                // Nobody reads what else this answers.
                running = null;
                if (by != null) {
                    by.refusals.put(node, nodes.changes());
                }
            } else if (by != null) {
                FailoverNetwork.this.done(node, by, words);
            }
        }

        private void toClient(Runnable received) {
            if (isInstant) {
                received.run();
                return;
            }
            if (isCut || !isOpen) {
                isTorn = true;
                return;
            }
            if (fault()) {
                breakOff();
                return;
            }
            long now = nodes.time.elapsed().toNanos();
            lastReply = Math.max(now + latency(), lastReply);
            after(
                    lastReply - now,
                    () -> process.whenRunning(() -> {
                        if (isOpen && !isCut) {
                            received.run();
                        } else {
                            isTorn = true;
                        }
                    }));
        }

        @Override
        void push(String kind, String channel, String message) {
            witness.note(() -> node + " to " + label + ": " + kind + ' ' + channel + ' ' + message);
            if (kind.equals("message") && fault()) {
                return;
            }
            toClient(() -> pushed.pushed(kind, channel, message));
        }

        @Override
        void ended() {
            breakOff();
        }

        /** Both sides lose it; what has been sent may still arrive, or not. */
        private void breakOff() {
            if (!open.remove(this)) {
                return;
            }
            after(random.nextBoolean() ? 0 : random.nextLong(500_000_000L), () -> {
                isOpenThere = false;
                node.sessions.remove(this);
            });
            after(
                    latency(),
                    () -> process.whenRunning(() -> {
                        if (isOpen) {
                            isOpen = false;
                            lost.run();
                        }
                    }));
        }

        @Override
        public void close() {
            isOpen = false;
            open.remove(this);
            after(
                    isInstant ? 0 : latency(),
                    () -> nodes.arrive(node, () -> {
                        isOpenThere = false;
                        node.sessions.remove(this);
                    }));
        }
    }
}
