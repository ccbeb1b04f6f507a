package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.lab.chaos.plan.Sabotage;
import io.distributedmutex.lab.chaos.plan.Settings;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedSentinel;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A primary with two replicas, and three Sentinels that watch them. */
final class WatchedPrimary implements Deployment, Watch.Watched {

    private static final int REPLICAS = 2;
    private static final int SENTINELS = 3;
    private static final int STAYING_PLACE = 1;

    private final Settings settings;
    private final EmbeddedSentinel redis;
    private final Routes routes;
    private final ServerFaults faults;
    private final Watch watch;

    WatchedPrimary(Settings settings, Consumer<Event> listener) {
        this.settings = settings;
        this.redis = EmbeddedRedis.sentinel(REPLICAS, SENTINELS).proxied(true).start();
        this.routes = Routes.open(settings.workers(), servers(), redis::port);
        this.faults = new ServerFaults(listener);
        this.watch = new Watch(redis.servers(), this, listener);
    }

    @Override
    public List<EmbeddedRedis> servers() {
        return Stream.concat(redis.servers().stream(), redis.sentinels().stream())
                .toList();
    }

    @Override
    public String uri(int place) {
        if (settings.sabotage() == Sabotage.STAY && place == STAYING_PLACE) {
            return routes.to(place, redis.servers().get(0)).uri();
        }
        return "redis-sentinel://" + routes.addresses(place, redis.sentinels()) + "#" + redis.name();
    }

    @Override
    public List<FaultyProxy> network(int place, Fault fault, Aim aim) {
        return switch (fault) {
            case HIDE_PRIMARY -> List.of(routes.to(place, aim.server()));
            case HIDE_SENTINELS ->
                redis.sentinels().stream()
                        .map(sentinel -> routes.to(place, sentinel))
                        .toList();
            default -> routes.of(place);
        };
    }

    @Override
    public Aim aim(Step step, Details details) throws InterruptedException {
        if (!step.fault().isAimed()) {
            return new Aim(redis.servers().get(0), List.of());
        }
        if (step.fault() == Fault.KILL_SENTINEL) {
            return new Aim(anyOf(redis.sentinels(), details.random()), List.of());
        }
        if (step.fault().domain() == Fault.Domain.SERVER) {
            Conditions.await("each Sentinel names the primary and has a replica to choose", this::isReady);
        }
        EmbeddedRedis aimed =
                step.fault() == Fault.KILL_REPLICA ? anyOf(redis.replicas(), details.random()) : redis.primary();
        return new Aim(aimed, List.of());
    }

    private static EmbeddedRedis anyOf(List<EmbeddedRedis> servers, Random random) {
        return servers.get(random.nextInt(servers.size()));
    }

    private boolean isReady() {
        EmbeddedRedis primary = redis.primary();
        return Replies.answers(primary)
                && isAgreed(primary)
                && sentinels()
                        .allMatch(sentinel ->
                                Replies.list(sentinel.command("SENTINEL", "REPLICAS", redis.name())).stream()
                                        .map(Replies::texts)
                                        .anyMatch(WatchedPrimary::isGood));
    }

    /** Of names and values by turns. Other flags say that it is down, or not reached. */
    private static boolean isGood(List<String> replica) {
        return "slave".equals(replica.get(replica.indexOf("flags") + 1))
                && "ok".equals(replica.get(replica.indexOf("master-link-status") + 1));
    }

    private Stream<EmbeddedRedis> sentinels() {
        return redis.sentinels().stream().filter(Replies::answers);
    }

    @Override
    public void inject(Step step, Details details, Aim aim) throws InterruptedException {
        EmbeddedRedis server = aim.server();
        switch (step.fault()) {
            case KILL_PRIMARY -> {
                server.kill();
                try {
                    awaitReplaced(step, server);
                } finally {
                    server.restart();
                }
            }
            case STOP_PRIMARY -> {
                server.pause();
                try {
                    awaitReplaced(step, server);
                } finally {
                    server.resume();
                }
            }
            case PLANNED_FAILOVER -> redis.failOver();
            case CUT_OFF_FROM_PEERS -> cutOff(step, server, details.directions());
            case CUT_OFF_FROM_ALL, SPLIT -> cutOff(step, server, List.of(Direction.values()));
            case KILL_REPLICA, KILL_SENTINEL -> {
                server.kill();
                try {
                    Thread.sleep(step.durationMillis());
                } finally {
                    server.restart();
                }
            }
            default -> faults.inject(step, details, server);
        }
    }

    private void cutOff(Step step, EmbeddedRedis primary, List<Direction> directions) throws InterruptedException {
        Routes.Cut cut = () -> {
            directions.forEach(way -> redis.partition(primary, way));
            awaitReplaced(step, primary);
        };
        routes.cutOff(step, primary, cut, redis::heal);
    }

    /** Waits until another one is in a primary's place, and for some time more. */
    private void awaitReplaced(Step step, EmbeddedRedis primary) throws InterruptedException {
        redis.awaitPrimaryOtherThan(primary);
        Thread.sleep(step.durationMillis());
    }

    @Override
    public List<String> keysOf(EmbeddedRedis promoted) {
        return List.of();
    }

    /** Sentinels do not wait for what the replica has still to hear. */
    @Override
    public boolean losesNothing(EmbeddedRedis promoted) {
        return false;
    }

    @Override
    public boolean isAgreed(EmbeddedRedis promoted) {
        String port = Integer.toString(redis.port(promoted));
        return sentinels()
                .allMatch(
                        sentinel -> Replies.texts(sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", redis.name()))
                                .contains(port));
    }

    @Override
    public List<String> keys() {
        return Replies.texts(redis.primary().command("KEYS", "*"));
    }

    @Override
    public void close() {
        watch.close();
        routes.close();
        redis.close();
    }
}
