package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.SlotMigration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** A cluster of three masters, each with a replica. The slots of the keys in use are dealt out evenly. */
final class Shards implements Deployment, Watch.Watched {

    private static final int MASTERS = 3;
    private static final int ALL_NODES = 2 * MASTERS;

    private final EmbeddedCluster redis;
    private final Routes routes;
    private final ServerFaults faults;
    private final Watch watch;
    /** By key. */
    private final Map<String, Integer> slots = new LinkedHashMap<>();
    /** Replicas that are taking over in good order. */
    private final Set<EmbeddedRedis> inGoodOrder = ConcurrentHashMap.newKeySet();

    Shards(Settings settings, List<String> keys, Consumer<Event> listener) {
        this.redis = EmbeddedRedis.cluster(MASTERS, 1)
                .proxied(true)
                .config("cluster-require-full-coverage", "no")
                .start();
        this.routes = Routes.open(settings.workers(), redis.nodes(), redis::port);
        this.faults = new ServerFaults(listener);
        keys.forEach(key -> slots.put(key, redis.slotOf("lock:" + key)));
        deal(keys);
        this.watch = new Watch(redis.nodes(), this, listener);
    }

    private void deal(List<String> keys) {
        List<EmbeddedRedis> masters = redis.masters();
        for (int i = 0; i < keys.size(); i++) {
            int slot = slotOf(keys.get(i));
            EmbeddedRedis target = masters.get(i % masters.size());
            if (redis.masterOf(slot) != target) {
                redis.migrate(slot, target).close();
            }
        }
    }

    private int slotOf(String key) {
        Integer slot = slots.get(key);
        if (slot == null) {
            throw new IllegalArgumentException("no key: " + key);
        }
        return slot;
    }

    @Override
    public List<EmbeddedRedis> servers() {
        return redis.nodes();
    }

    @Override
    public String uri(int place) {
        return "redis-cluster://" + routes.addresses(place, redis.nodes());
    }

    @Override
    public List<FaultyProxy> network(int place, Fault fault, Aim aim) {
        return fault == Fault.HIDE_PRIMARY ? List.of(routes.to(place, aim.server())) : routes.of(place);
    }

    @Override
    public Aim aim(Step step, Details details) throws InterruptedException {
        if (!step.fault().isAimed()) {
            return new Aim(redis.nodes().get(0), List.of());
        }
        if (step.fault().domain() == Fault.Domain.SERVER) {
            Conditions.await("all nodes serve, and each master has a replica", this::isReady);
        }
        EmbeddedRedis master = redis.masterOf(slotOf(details.key()));
        return switch (step.fault()) {
            case MIGRATE_SLOT, DELETE_KEY -> new Aim(master, List.of(details.key()));
            case KILL_REPLICA -> new Aim(redis.replicasOf(master).get(0), keysOf(master));
            // The worker that is cut off with it misses the other masters.
            case SPLIT -> new Aim(master, List.of());
            default -> new Aim(master, keysOf(master));
        };
    }

    private static boolean hasCluster(EmbeddedRedis node) {
        return Replies.answers(node)
                && String.valueOf(node.command("CLUSTER", "INFO")).contains("cluster_state:ok");
    }

    private boolean isReady() {
        return redis.nodes().stream().allMatch(Shards::hasCluster)
                && redis.masters().size() == MASTERS
                && redis.masters().stream()
                        .allMatch(master -> String.valueOf(master.command("INFO", "replication"))
                                .contains("state=online"))
                && redis.nodes().stream()
                        .allMatch(node -> Replies.texts(node.command("ROLE"))
                                        .get(0)
                                        .equals("master")
                                || Replies.texts(node.command("ROLE")).get(3).equals("connected"))
                && redis.nodes().size() == ALL_NODES;
    }

    @Override
    public void inject(Step step, Details details, Aim aim) throws InterruptedException {
        EmbeddedRedis master = aim.server();
        switch (step.fault()) {
            case KILL_PRIMARY -> killUntilReplaced(step, master);
            case KILL_BEHIND -> {
                try {
                    redis.partition(master);
                    Thread.sleep(step.durationMillis());
                    killUntilReplaced(step, master);
                } finally {
                    redis.heal();
                }
            }
            case STOP_PRIMARY -> {
                master.pause();
                try {
                    awaitReplaced(step, details, master);
                } finally {
                    master.resume();
                }
            }
            case CUT_OFF_FROM_NODES, CUT_OFF_FROM_ALL, SPLIT -> cutOff(step, details, master);
            case PLANNED_FAILOVER -> {
                EmbeddedRedis replica = redis.replicasOf(master).get(0);
                inGoodOrder.add(replica);
                try {
                    redis.failOver(replica);
                } finally {
                    inGoodOrder.remove(replica);
                }
            }
            case MIGRATE_SLOT -> migrate(step, details);
            case KILL_REPLICA -> {
                master.kill();
                try {
                    Thread.sleep(step.durationMillis());
                } finally {
                    master.restart();
                }
            }
            default -> faults.inject(step, details, master);
        }
    }

    private void cutOff(Step step, Details details, EmbeddedRedis master) throws InterruptedException {
        Routes.Cut cut = () -> {
            redis.split(List.of(master));
            awaitReplaced(step, details, master);
        };
        routes.cutOff(step, master, cut, redis::heal);
    }

    /** Waits until another one is in a master's place, and for some time more. */
    private void awaitReplaced(Step step, Details details, EmbeddedRedis master) throws InterruptedException {
        int slot = slotOf(details.key());
        Conditions.await("another serves slot " + slot, () -> redis.masterOf(slot) != master);
        Thread.sleep(step.durationMillis());
    }

    private void killUntilReplaced(Step step, EmbeddedRedis master) throws InterruptedException {
        try {
            redis.killMaster(master);
            Thread.sleep(step.durationMillis());
        } finally {
            master.restart();
        }
    }

    /** Some of what the lock consists of goes first, the rest later. */
    private void migrate(Step step, Details details) throws InterruptedException {
        int slot = slotOf(details.key());
        EmbeddedRedis source = redis.masterOf(slot);
        List<EmbeddedRedis> others =
                redis.masters().stream().filter(master -> master != source).toList();
        EmbeddedRedis target = others.get(details.random().nextInt(others.size()));
        try (SlotMigration migration = redis.migrate(slot, target)) {
            migration.moveKeys(1 + details.random().nextInt(2));
            Thread.sleep(step.durationMillis());
        }
    }

    @Override
    public List<String> keysOf(EmbeddedRedis master) {
        String port = Integer.toString(redis.port(master));
        return slots.keySet().stream()
                .filter(key -> isServed(master, slotOf(key), port))
                .toList();
    }

    @Override
    public boolean losesNothing(EmbeddedRedis promoted) {
        return inGoodOrder.contains(promoted);
    }

    /** One that is cut off refuses commands; nobody follows it. */
    @Override
    public boolean isAgreed(EmbeddedRedis promoted) {
        String port = Integer.toString(redis.port(promoted));
        List<String> keys = keysOf(promoted);
        return redis.nodes().stream()
                .filter(Shards::hasCluster)
                .allMatch(node -> keys.stream().allMatch(key -> isServed(node, slotOf(key), port)));
    }

    /** Whether a node says that the master at a port serves a slot. */
    private static boolean isServed(EmbeddedRedis node, int slot, String port) {
        for (Object range : Replies.list(node.command("CLUSTER", "SLOTS"))) {
            List<?> fields = Replies.list(range);
            long first = Long.parseLong(String.valueOf(fields.get(0)));
            long last = Long.parseLong(String.valueOf(fields.get(1)));
            if (first <= slot && slot <= last) {
                return Replies.texts(fields.get(2)).get(1).equals(port);
            }
        }
        return false;
    }

    @Override
    public List<String> keys() {
        return redis.masters().stream()
                .flatMap(master -> Replies.texts(master.command("KEYS", "*")).stream())
                .toList();
    }

    @Override
    public void close() {
        watch.close();
        routes.close();
        redis.close();
    }
}
