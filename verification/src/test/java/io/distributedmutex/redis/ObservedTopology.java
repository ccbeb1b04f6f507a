package io.distributedmutex.redis;

import io.distributedmutex.redis.SimulatedDeployment.Wire;
import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A topology, beside which somebody sees in which order requests are made. */
final class ObservedTopology implements Topology {

    private final Topology observed;
    private final Wire wire;

    ObservedTopology(Topology observed, Wire wire) {
        this.observed = observed;
        this.wire = wire;
    }

    @Override
    public Sender commands(String key) {
        Sender to = observed.commands(key);
        return new Sender() {
            @Override
            public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
                Runnable heard = wire.asked(SimulatedClient.identityOf(request), key);
                CompletableFuture<T> sent = to.send(request, parser);
                CompletableFuture<T> unused = sent.whenComplete((value, error) -> heard.run());
                return sent;
            }

            @Override
            public RedisErrors errors() {
                return to.errors();
            }
        };
    }

    @Override
    public Sender messages(String channel) {
        return observed.messages(channel);
    }

    @Override
    public List<? extends Sender> servers() {
        return observed.servers();
    }

    @Override
    public boolean serverHas(String key) {
        return observed.serverHas(key);
    }

    @Override
    public boolean isSharded() {
        return observed.isSharded();
    }

    @Override
    public ClientName.Names names(String key) {
        return observed.names(key);
    }

    @Override
    public RedisAsyncCommands<byte[], byte[]> server() {
        return observed.server();
    }

    @Override
    public Optional<String> shardOf(String key) {
        return observed.shardOf(key);
    }

    @Override
    public void started() {
        observed.started();
    }

    @Override
    public Future<Boolean> subscribe(String messages, KeyPrefix prefix, StoreEvents events) {
        return observed.subscribe(messages, prefix, events);
    }

    @Override
    public boolean isSubscribed(String key) {
        return observed.isSubscribed(key);
    }

    @Override
    public boolean onMoved(Runnable moved) {
        return observed.onMoved(moved);
    }

    @Override
    public void close() {
        observed.close();
    }
}
