package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.history.Event;
import io.distributedmutex.lab.chaos.history.Event.Kind;
import io.distributedmutex.lab.chaos.plan.Fault;
import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** One Redis, which writes down all that it confirms; each worker has a proxy to it. */
final class OneServer implements Deployment {

    private final EmbeddedRedis redis;
    private final List<FaultyProxy> proxies = new ArrayList<>();
    private final Consumer<Event> listener;
    private final ServerFaults faults;

    OneServer(int places, Consumer<Event> listener) {
        // Kept data is written before each reply, so a killed server loses nothing that it has confirmed.
        this.redis = EmbeddedRedis.builder().dataKept(true).start();
        this.listener = listener;
        this.faults = new ServerFaults(listener);
        for (int place = 1; place <= places; place++) {
            proxies.add(FaultyProxy.to(redis.port()));
        }
    }

    @Override
    public List<EmbeddedRedis> servers() {
        return List.of(redis);
    }

    @Override
    public String uri(int place) {
        return proxies.get(place - 1).uri();
    }

    @Override
    public List<FaultyProxy> network(int place, Fault fault, Aim aim) {
        return List.of(proxies.get(place - 1));
    }

    @Override
    public Aim aim(Step step, Details details) {
        return new Aim(redis, List.of());
    }

    @Override
    public void inject(Step step, Details details, Aim aim) throws InterruptedException {
        switch (step.fault()) {
            case RESTART_WITH_DATA, RESTART_WITHOUT_DATA -> restart(step);
            default -> faults.inject(step, details, redis);
        }
    }

    private void restart(Step step) throws InterruptedException {
        listener.accept(Event.of(Kind.SERVER_DOWN, 0, "", 0, ""));
        boolean empty = step.fault() == Fault.RESTART_WITHOUT_DATA;
        long since = System.nanoTime();
        redis.kill();
        Thread.sleep(step.durationMillis());
        if (empty) {
            redis.restartEmpty();
            long now = System.nanoTime();
            listener.accept(new Event(now, 0, Kind.DATA_LOST, 0, "", 0, now - since, "restart without data"));
        } else {
            redis.restart();
        }
        listener.accept(Event.of(Kind.SERVER_UP, 0, "", 0, ""));
    }

    @Override
    public List<String> keys() {
        return Replies.texts(redis.command("KEYS", "*"));
    }

    @Override
    public void close() {
        proxies.forEach(FaultyProxy::close);
        redis.close();
    }
}
