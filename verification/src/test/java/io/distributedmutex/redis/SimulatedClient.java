package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.redis.SimulatedDeployment.Failure;
import io.distributedmutex.redis.SimulatedDeployment.Link;
import io.distributedmutex.redis.SimulatedDeployment.Wire;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisConnectionException;
import io.lettuce.core.RedisURI;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Connections as {@link ClusterClient} makes them, on a simulated network: they stand for Lettuce, {@link CommandConnection} and
 * {@link Call}. One difference is meant: what is sent just after a connection was cut does not wait for the next one.
 */
final class SimulatedClient implements NodeClient {

    private static final long FIRST_PAUSE_NANOS = 10_000_000;
    private static final long LONGEST_PAUSE_NANOS = 500_000_000;

    /** The texts of the scripts, by digest. */
    private static final Map<String, String> TEXTS = Stream.of(
                    Script.ACQUIRE,
                    Script.RELEASE,
                    Script.CANCEL,
                    Script.RENEW,
                    Script.INSPECT,
                    Script.FORCE_RELEASE,
                    Script.FREE)
            .collect(Collectors.toMap(
                    script -> strings(script.call(), 0, script.call().length).get(1),
                    script -> SimulatedDeployment.text(script.text())));

    private static final VarHandle ARGUMENTS;

    static {
        try {
            ARGUMENTS = MethodHandles.privateLookupIn(Request.class, MethodHandles.lookup())
                    .findVarHandle(Request.class, "arguments", Arguments.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Wire wire;

    SimulatedClient(Wire wire) {
        this.wire = wire;
    }

    @Override
    public RedisURI uriOf(NodeAddress address) {
        return RedisURI.create(address.host(), address.port());
    }

    @Override
    public CompletionStage<NodeConnection> connect(
            NodeAddress address, RedisErrors errors, Duration timeout, RoleListener roles) {
        CompletableFuture<NodeConnection> made = new CompletableFuture<>();
        wire.connect(address.port(), link -> {
            if (link == null) {
                made.completeExceptionally(new RedisConnectionException("refused"));
            } else {
                made.complete(new Connection(() -> address.port(), errors, timeout, roles, link));
            }
        });
        return made;
    }

    @Override
    public CompletionStage<PushConnection> connectPushes(NodeAddress address) {
        CompletableFuture<PushConnection> made = new CompletableFuture<>();
        wire.connect(address.port(), link -> {
            if (link == null) {
                made.completeExceptionally(new RedisConnectionException("refused"));
            } else {
                made.complete(new Pushes(link));
            }
        });
        return made;
    }

    @Override
    public void execute(Runnable task) {
        wire.later(task, 0);
    }

    @Override
    public boolean schedule(Runnable task, long millis) {
        wire.later(task, millis * 1_000_000);
        return true;
    }

    @Override
    public long nanoTime() {
        return wire.nanoTime();
    }

    @Override
    public void close() {}

    /** Stands for a request, and for those that are made of it when it is redirected: they share their arguments. */
    static Object identityOf(Request request) {
        return ARGUMENTS.get(request);
    }

    /** The commands of a request, with the texts of scripts in the places of their digests. */
    static List<List<String>> commandsOf(Request request) {
        ByteBuf encoded = Unpooled.buffer();
        for (int i = 0; i < request.parts(); i++) {
            request.encodePart(i, encoded);
        }
        request.encode(false, encoded);
        List<List<String>> commands = new ArrayList<>();
        byte[] bytes = Arrays.copyOf(encoded.array(), encoded.writerIndex());
        int at = 0;
        while (at < bytes.length) {
            int end = lineEnd(bytes, at);
            int count = Integer.parseInt(new String(bytes, at + 1, end - at - 1, StandardCharsets.US_ASCII));
            List<String> words = new ArrayList<>();
            at = end + 2;
            for (int i = 0; i < count; i++) {
                end = lineEnd(bytes, at);
                int length = Integer.parseInt(new String(bytes, at + 1, end - at - 1, StandardCharsets.US_ASCII));
                words.add(new String(bytes, end + 2, length, StandardCharsets.ISO_8859_1));
                at = end + 2 + length + 2;
            }
            if (words.get(0).equals("EVALSHA")) {
                words.set(0, "EVAL");
                words.set(1, Objects.requireNonNull(TEXTS.get(words.get(1))));
            }
            commands.add(words);
        }
        return commands;
    }

    private static List<String> strings(byte[] bytes, int from, int to) {
        List<String> strings = new ArrayList<>();
        int at = from;
        while (at < to) {
            int end = lineEnd(bytes, at);
            int length = Integer.parseInt(new String(bytes, at + 1, end - at - 1, StandardCharsets.US_ASCII));
            strings.add(new String(bytes, end + 2, length, StandardCharsets.ISO_8859_1));
            at = end + 2 + length + 2;
        }
        return strings;
    }

    private static int lineEnd(byte[] bytes, int from) {
        int at = from;
        while (bytes[at] != '\r') {
            at++;
        }
        return at;
    }

    private static @Nullable Object replied(@Nullable Object reply) {
        if (reply instanceof String text) {
            return text.getBytes(StandardCharsets.ISO_8859_1);
        }
        if (reply instanceof List<?> list) {
            List<@Nullable Object> elements = new ArrayList<>();
            list.forEach(each -> elements.add(replied(each)));
            return elements;
        }
        return reply instanceof Failure failure ? new Part.ServerError(failure.text()) : reply;
    }

    /** Which port leads to the server; Sentinels may name another. */
    interface Port {
        int now();
    }

    /** A connection for commands, made anew when it is lost. */
    final class Connection implements NodeConnection {

        private final Port port;
        private final RedisErrors errors;
        private final long timeoutNanos;
        private final RoleListener roles;
        private final Set<Pending<?>> pending = new LinkedHashSet<>();
        private @Nullable Link link;
        private Runnable reconnected = () -> {};
        private boolean over;
        private boolean silent;
        private long silentSinceNanos;
        private long pauseNanos = FIRST_PAUSE_NANOS;

        private record Pending<T>(
                Request request,
                Function<List<@Nullable Object>, T> parser,
                CompletableFuture<T> result,
                long sentNanos) {

            boolean fail(StoreException error) {
                return result.completeExceptionally(error);
            }
        }

        Connection(Port port, RedisErrors errors, Duration timeout, RoleListener roles, Link link) {
            this.port = port;
            this.errors = errors;
            this.timeoutNanos = timeout.toNanos();
            this.roles = roles;
            use(link);
        }

        private void use(Link opened) {
            link = opened;
            opened.listen(() -> lost(opened), (kind, channel, message) -> {});
        }

        @Override
        public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
            Link open = link;
            if (over || open == null || !open.isOpen()) {
                return CompletableFuture.failedFuture(
                        over ? errors.closed(request, false) : errors.notConnected(request, null));
            }
            Pending<T> call = new Pending<>(request, parser, new CompletableFuture<>(), wire.nanoTime());
            pending.add(call);
            wire.later(() -> timeOut(call), timeoutNanos);
            open.send(identityOf(request), commandsOf(request), replies -> answered(call, replies));
            return call.result;
        }

        private <T> void answered(Pending<T> call, List<@Nullable Object> replies) {
            if (!pending.remove(call) || call.result.isDone()) {
                return;
            }
            silent = false;
            try {
                call.result.complete(call.parser.apply(elements(call.request, replies)));
            } catch (RedisCommandExecutionException e) {
                StoreException failure = errors.of(e, call.request, true);
                if (failure instanceof StoreRefusedException refused
                        && refused.reason() == StoreRefusedException.Reason.READ_ONLY) {
                    roles.readOnly();
                }
                call.fail(failure);
            } catch (RuntimeException e) {
                call.fail(errors.unexpected(e, call.request));
            }
        }

        private List<@Nullable Object> elements(Request request, List<@Nullable Object> replies) {
            List<@Nullable Object> parsed = new ArrayList<>();
            replies.forEach(reply -> parsed.add(replied(reply)));
            Object last = parsed.remove(parsed.size() - 1);
            if (!request.isPipeline()) {
                parsed.clear();
                if (last instanceof Part.ServerError error) {
                    throw new RedisCommandExecutionException(error.text());
                }
            }
            if (last instanceof List<?> list) {
                parsed.addAll(list);
            } else {
                parsed.add(last);
            }
            return parsed;
        }

        private void timeOut(Pending<?> call) {
            if (!pending.remove(call) || !call.fail(errors.timedOut(call.request, true))) {
                return;
            }
            if (!silent) {
                silentSinceNanos = wire.nanoTime();
                silent = true;
                roles.silent();
            } else if (call.sentNanos - silentSinceNanos >= 0) {
                silent = false;
                connectAnew();
                roles.dead();
            }
        }

        /** Ends the connection; another one is made. */
        void connectAnew() {
            Link open = link;
            if (open != null) {
                open.close();
                lost(open);
            }
        }

        private void lost(Link which) {
            if (link != which) {
                return;
            }
            link = null;
            failAll((request, cause) -> errors.lost(request, cause));
            if (!over) {
                pauseNanos = FIRST_PAUSE_NANOS;
                wire.later(this::reconnect, pauseNanos);
            }
        }

        private void failAll(BiFunction<Request, @Nullable Throwable, StoreException> why) {
            List<Pending<?>> all = List.copyOf(pending);
            pending.clear();
            all.forEach(call -> call.fail(why.apply(call.request, null)));
        }

        private void reconnect() {
            if (over || link != null) {
                return;
            }
            int to = port.now();
            wire.connect(to, opened -> {
                if (!over && to != port.now()) {
                    // An attempt to connect to where it was has ended.
                    if (opened != null) {
                        opened.close();
                    }
                    reconnect();
                } else if (over) {
                    if (opened != null) {
                        opened.close();
                    }
                } else if (opened == null) {
                    pauseNanos = Math.min(2 * pauseNanos, LONGEST_PAUSE_NANOS);
                    wire.later(this::reconnect, pauseNanos);
                    roles.silent();
                } else {
                    use(opened);
                    silent = false;
                    roles.connected(InetSocketAddress.createUnresolved(SimulatedDeployment.HOST, to));
                    reconnected.run();
                }
            });
        }

        @Override
        public RedisErrors errors() {
            return errors;
        }

        @Override
        public boolean isOpen() {
            Link open = link;
            return open != null && open.isOpen();
        }

        @Override
        public void onReconnect(Runnable listener) {
            reconnected = listener;
        }

        @Override
        public void drop() {
            end((request, cause) -> errors.lost(request, cause));
        }

        @Override
        public void close() {
            end((request, cause) -> errors.closed(request, true));
        }

        private void end(BiFunction<Request, @Nullable Throwable, StoreException> why) {
            over = true;
            Link open = link;
            link = null;
            if (open != null) {
                open.close();
            }
            failAll(why);
        }
    }

    /** A connection for pushes. */
    private static final class Pushes implements PushConnection {

        private final Link link;

        Pushes(Link link) {
            this.link = link;
        }

        @Override
        public void listen(Listener listener) {
            link.listen(listener::lost, (kind, channel, message) -> {
                switch (kind) {
                    case "subscribe" -> listener.subscribed(channel);
                    case "unsubscribe" -> listener.unsubscribed(channel);
                    default -> listener.received(channel, message);
                }
            });
        }

        @Override
        public boolean isOpen() {
            return link.isOpen();
        }

        @Override
        public CompletionStage<Void> subscribe(String channel, boolean isSharded) {
            CompletableFuture<Void> answered = new CompletableFuture<>();
            link.send(this, List.of(List.of(isSharded ? "SSUBSCRIBE" : "SUBSCRIBE", channel)), replies -> {
                if (replies.get(0) instanceof Failure failure) {
                    answered.completeExceptionally(new RedisCommandExecutionException(failure.text()));
                } else {
                    answered.complete(null);
                }
            });
            return answered;
        }

        @Override
        public void unsubscribe(String channel, boolean isSharded) {
            link.send(this, List.of(List.of(isSharded ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", channel)), replies -> {});
        }

        @Override
        public void end() {
            link.close();
        }
    }
}
