package io.distributedmutex.redis;

import io.distributedmutex.redis.SimulatedDeployment.Wire;
import io.distributedmutex.spi.StoreEvents;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.net.SocketAddress;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * The primary that Sentinels name: a model of {@link SentinelPrimary} and {@link GrantSubscription}, which are about Lettuce for
 * the most part. As there: both connections are left when another primary is named; the store hears of that before anything else
 * is sent there; each connection for pushes has a name of its own; and the engine hears of a reconnect when commands work and
 * pushes arrive.
 */
final class SimulatedPrimary implements Topology, RoleListener {

    private static final long PAUSE_MILLIS = 100;

    private final SimulatedClient client;
    private final Wire wire;
    private final RedisErrors errors;
    private final ClientName name;
    private SimulatedClient.@Nullable Connection commands;
    private @Nullable PushConnection pushes;
    private boolean isSubscribed;
    private boolean hasMoved;
    private boolean over;
    private Runnable moved = () -> {};
    private String messages = "";
    private KeyPrefix prefix = KeyPrefix.DEFAULT;
    private @Nullable StoreEvents events;

    SimulatedPrimary(SimulatedClient client, Wire wire) {
        this.client = client;
        this.wire = wire;
        this.errors =
                new RedisErrors(RedisURI.create(SimulatedDeployment.HOST, 1), SimulatedDeployment.TIMEOUT.toMillis());
        this.name = new ClientName(wire::nanoTime);
    }

    RedisErrors errors() {
        return errors;
    }

    @Override
    public Future<Boolean> subscribe(String messages, KeyPrefix prefix, StoreEvents events) {
        this.messages = messages;
        this.prefix = prefix;
        this.events = events;
        wire.connect(wire.primary(), link -> {
            SimulatedClient.Connection made = client
            .new Connection(wire::primary, errors, SimulatedDeployment.TIMEOUT, this, Objects.requireNonNull(link));
            made.onReconnect(this::report);
            commands = made;
        });
        subscribeAnew();
        return CompletableFuture.completedFuture(true);
    }

    /** The Sentinels name another primary. */
    void moved() {
        hasMoved = true;
        isSubscribed = false;
        PushConnection old = pushes;
        pushes = null;
        if (old != null) {
            old.end();
        }
        subscribeAnew();
        Objects.requireNonNull(commands).connectAnew();
    }

    private void subscribeAnew() {
        if (over || pushes != null) {
            return;
        }
        int port = wire.primary();
        var unused = client.connectPushes(new NodeAddress(SimulatedDeployment.HOST, port))
                .whenComplete((opened, error) -> {
                    if (port != wire.primary()) {
                        // An attempt to connect to where it was has ended.
                        if (opened != null) {
                            opened.end();
                        }
                        subscribeAnew();
                    } else if (opened == null) {
                        client.schedule(this::subscribeAnew, PAUSE_MILLIS);
                    } else if (over || pushes != null) {
                        opened.end();
                    } else {
                        listen(opened);
                    }
                });
    }

    private void listen(PushConnection opened) {
        pushes = opened;
        name.become(ClientName.draw());
        String channel = RedisLockStore.GRANTS + name.current();
        opened.listen(new PushConnection.Listener() {
            @Override
            public void received(String from, String message) {
                Push push = Push.parse(message, prefix);
                if (from.equals(messages)) {
                    Objects.requireNonNull(events).message(message);
                } else if (push != null) {
                    Objects.requireNonNull(events)
                            .granted(push.key(), push.token(), push.fencingToken(), push.fencingTokens());
                }
            }

            @Override
            public void subscribed(String to) {
                if (pushes == opened && to.equals(channel)) {
                    isSubscribed = true;
                    report();
                }
            }

            @Override
            public void unsubscribed(String from) {}

            @Override
            public void lost() {
                if (pushes == opened) {
                    pushes = null;
                    isSubscribed = false;
                    client.schedule(SimulatedPrimary.this::subscribeAnew, PAUSE_MILLIS);
                }
            }
        });
        opened.subscribe(channel, false);
        opened.subscribe(messages, false);
    }

    private void report() {
        SimulatedClient.Connection open = commands;
        if (!over && open != null && open.isOpen()) {
            Objects.requireNonNull(events).reconnected();
        }
    }

    @Override
    public void connected(SocketAddress address) {
        if (hasMoved) {
            hasMoved = false;
            moved.run();
        }
    }

    @Override
    public void readOnly() {
        // Whoever is told so asks the Sentinels; they name the new primary, if they know it.
        Objects.requireNonNull(commands).connectAnew();
    }

    @Override
    public void silent() {}

    @Override
    public Sender commands(String key) {
        return Objects.requireNonNull(commands);
    }

    @Override
    public Sender messages(String channel) {
        return Objects.requireNonNull(commands);
    }

    @Override
    public List<? extends Sender> servers() {
        return List.of(Objects.requireNonNull(commands));
    }

    @Override
    public boolean serverHas(String key) {
        return true;
    }

    @Override
    public boolean isSharded() {
        return false;
    }

    @Override
    public ClientName.Names names(String key) {
        return name.names();
    }

    @Override
    public RedisAsyncCommands<byte[], byte[]> server() {
        throw new UnsupportedOperationException("nothing is checked at the start");
    }

    @Override
    public Optional<String> shardOf(String key) {
        return Optional.empty();
    }

    @Override
    public void started() {}

    @Override
    public boolean isSubscribed(String key) {
        return isSubscribed;
    }

    @Override
    public boolean onMoved(Runnable listener) {
        moved = listener;
        return true;
    }

    @Override
    public void close() {
        over = true;
        if (commands != null) {
            commands.close();
        }
        if (pushes != null) {
            pushes.end();
        }
    }
}
