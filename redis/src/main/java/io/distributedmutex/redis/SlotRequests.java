package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.lettuce.core.RedisCommandExecutionException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The requests for one slot of a cluster, in order. A node that does not serve the slot, or not this key of it any more, answers
 * with a redirect, and has done nothing. Whoever sends that request elsewhere must not let it overtake, nor be overtaken: a
 * release after an acquire is a release.
 *
 * <p>As long as nothing is redirected, requests go out at once, to one node, by one connection, which keeps their order. From the
 * first redirect on, later requests are held until all that are on their way have been answered. Then those that were redirected
 * go first, in their order, and the held ones after them. The same holds if the slot is found to be elsewhere while requests are
 * on their way.
 *
 * <p>While a slot moves, a key is at one node or the other: the old one has it, or says {@code ASK} and the new one may. A request
 * of several keys is served only where they all are; else the answer is {@code TRYAGAIN}, which the caller hears: it repeats, or
 * does without. Native commands that go together are sent one by one then, as each may find its key elsewhere.
 */
final class SlotRequests implements Sender {

    /** How often one request is redirected before its caller hears of it. */
    private static final int MAXIMUM_REDIRECTS = 8;

    private final int slot;
    private final ClusterPrimaries cluster;
    private final ClientName client;

    // Guarded by this.
    /** Where the requests on their way are; only meaningful while there are such. */
    private @Nullable ClusterNode at;

    private int onTheirWay;

    /** Redirected, in the order in which they were sent. */
    private final ArrayDeque<Routed<?>> redirected = new ArrayDeque<>();

    /** Held because others were redirected. */
    private final ArrayDeque<Routed<?>> held = new ArrayDeque<>();

    /** Whether a thread, or an answer to come, goes on with what is redirected or held. */
    private boolean following;

    SlotRequests(int slot, ClusterPrimaries cluster) {
        this.slot = slot;
        this.cluster = cluster;
        this.client = new ClientName(cluster::nanoTime);
    }

    /** The name under which this instance waits for keys of the slot: that of the connection which pushes their grants. */
    synchronized ClientName.Names names(String current) {
        if (!client.current().equals(current)) {
            client.become(current);
        }
        return client.names();
    }

    @Override
    public RedisErrors errors() {
        return cluster.nodeOf(slot).errors();
    }

    @Override
    public <T> CompletableFuture<T> send(Request request, Function<List<@Nullable Object>, T> parser) {
        Routed<T> routed = new Routed<>(request, parser);
        ClusterNode node = cluster.nodeOf(slot);
        boolean now;
        boolean follow = false;
        synchronized (this) {
            now = !following && redirected.isEmpty() && held.isEmpty() && (onTheirWay == 0 || at == node);
            if (now) {
                at = node;
                onTheirWay++;
            } else {
                held.addLast(routed);
                follow = begin();
            }
        }
        if (now) {
            dispatch(routed, node);
        } else {
            cluster.schedule(routed::expire);
            if (follow) {
                follow();
            }
        }
        return routed.result;
    }

    /**
     * Holds what is sent from now on until something is there, or a time is over.
     *
     * @param there completes when it is there
     * @param millis the time
     * @return whether it is held
     */
    boolean holdUntil(CompletableFuture<?> there, long millis) {
        synchronized (this) {
            if (following) {
                return false;
            }
            following = true;
        }
        AtomicBoolean over = new AtomicBoolean();
        Runnable goOn = () -> {
            if (over.compareAndSet(false, true)) {
                cluster.execute(this::follow);
            }
        };
        CompletableFuture<?> unused = there.whenComplete((ignored, error) -> goOn.run());
        if (!cluster.schedule(goOn, millis)) {
            goOn.run();
        }
        return true;
    }

    /** Whether this thread is to go on with what is redirected or held. Guarded by this. */
    private boolean begin() {
        if (following || onTheirWay > 0 || (redirected.isEmpty() && held.isEmpty())) {
            return false;
        }
        following = true;
        return true;
    }

    /** Sends a request that counts as on its way. */
    private <T> void dispatch(Routed<T> routed, ClusterNode node) {
        if (!routed.begin()) {
            answered(routed, node, null, null);
            return;
        }
        CompletableFuture<T> unused = node.send(routed.request, routed::parse).whenComplete((value, error) -> {
            @Nullable Redirect redirect = error == null ? null : Redirect.in(error, node.address());
            if (redirect != null && redirect.slot() == slot && routed.redirects++ < MAXIMUM_REDIRECTS) {
                answered(routed, node, redirect, error);
                return;
            }
            // First: whoever hears of it may send the next one at once.
            answered(routed, node, null, error);
            routed.end(value, redirect == null ? error : node.errors().unsettled(routed.request));
        });
    }

    private void answered(Routed<?> routed, ClusterNode node, @Nullable Redirect redirect, @Nullable Throwable error) {
        if (redirect != null) {
            if (redirect.isForGood()) {
                cluster.moved(slot, redirect.to());
            }
            routed.asked = redirect.isForGood() ? null : redirect.to();
            if (routed.hold()) {
                cluster.schedule(routed::expire);
            }
        } else if (error != null) {
            cluster.failed(node, error);
        }
        boolean follow;
        synchronized (this) {
            onTheirWay--;
            if (redirect != null) {
                redirected.addLast(routed);
            }
            follow = begin();
        }
        if (follow) {
            cluster.execute(this::follow);
        }
    }

    /** With the right to follow: sends what is redirected or held, in order, as far as it may go out now. */
    private void follow() {
        while (true) {
            Routed<?> next;
            ClusterNode node = cluster.nodeOf(slot);
            boolean isAsked;
            synchronized (this) {
                next = redirected.isEmpty() ? held.peekFirst() : redirected.peekFirst();
                if (next == null) {
                    following = false;
                    return;
                }
                isAsked = next.asked != null;
                if (onTheirWay > 0 && (isAsked || at != node)) {
                    // Goes on with the last answer.
                    following = false;
                    return;
                }
                if (redirected.isEmpty()) {
                    held.removeFirst();
                } else {
                    redirected.removeFirst();
                }
                if (!isAsked) {
                    at = node;
                    onTheirWay++;
                }
            }
            if (isAsked) {
                new Piecewise<>(next).next();
                return;
            }
            dispatch(next, node);
        }
    }

    /** A request of this slot, until its caller has an answer. */
    private final class Routed<T> {

        private final Request request;
        private final Function<List<@Nullable Object>, T> parser;
        private final CompletableFuture<T> result = new CompletableFuture<>();

        /** Replies to its first commands, from before it was redirected. */
        private final List<@Nullable Object> replies = new ArrayList<>();

        /** The node that has this request alone; null if it is to go to the master. */
        private @Nullable NodeAddress asked;

        private int redirects;

        // Guarded by this.
        private boolean isOnItsWay;
        private boolean isTimed;

        Routed(Request request, Function<List<@Nullable Object>, T> parser) {
            this.request = request;
            this.parser = parser;
        }

        /** It is about to be sent. Returns false if it has ended, and must not be. */
        synchronized boolean begin() {
            isOnItsWay = true;
            return !result.isDone();
        }

        /** It is not on its way any more. Returns whether its time has yet to be limited. */
        synchronized boolean hold() {
            isOnItsWay = false;
            boolean first = !isTimed;
            isTimed = true;
            return first;
        }

        /** The reply to a pipeline has a redirect in its place; what came before it counts. */
        T parse(List<@Nullable Object> elements) {
            if (request.isPipeline()) {
                for (int i = 0; i < elements.size(); i++) {
                    if (elements.get(i) instanceof Part.ServerError error && Redirect.isOne(error.text())) {
                        keep(elements.subList(0, i));
                        throw new RedisCommandExecutionException(error.text());
                    }
                }
            }
            return parser.apply(elements);
        }

        private void keep(List<@Nullable Object> first) {
            replies.clear();
            replies.addAll(first);
        }

        void expire() {
            boolean sent;
            synchronized (this) {
                if (result.isDone()) {
                    return;
                }
                sent = isOnItsWay || !replies.isEmpty();
                result.completeExceptionally(errors().timedOut(request, sent));
            }
        }

        void end(@Nullable T value, @Nullable Throwable error) {
            if (error != null) {
                result.completeExceptionally(error);
            } else {
                result.complete(value);
            }
        }

        /** All commands were sent one by one. */
        void endWith(List<@Nullable Object> elements, ClusterNode node) {
            try {
                result.complete(parser.apply(elements));
            } catch (RedisCommandExecutionException e) {
                result.completeExceptionally(node.errors().of(e, request, true));
            } catch (RuntimeException e) {
                result.completeExceptionally(node.errors().unexpected(e, request));
            }
        }
    }

    private static boolean isUnserved(String said) {
        return Redirect.isOne(said) || said.startsWith("TRYAGAIN") || said.startsWith("CLUSTERDOWN");
    }

    /**
     * Sends the commands of a request one by one, each to where its key is: the master, or the node that this names. Nothing else
     * of the slot is on its way meanwhile.
     */
    private final class Piecewise<T> {

        private final Routed<T> routed;
        private final List<@Nullable Object> replies;
        private int redirects;

        Piecewise(Routed<T> routed) {
            this.routed = routed;
            this.replies = new ArrayList<>(routed.replies);
        }

        void next() {
            if (!routed.begin()) {
                over();
                return;
            }
            if (!routed.request.isPipeline()) {
                send(routed.request, cluster.nodeOf(slot), false);
            } else if (replies.size() < routed.request.commands()) {
                send(routed.request.single(replies.size()), cluster.nodeOf(slot), false);
            } else {
                routed.endWith(replies, cluster.nodeOf(slot));
                over();
            }
        }

        private void send(Request request, ClusterNode node, boolean asking) {
            CompletableFuture<Object> unused = node.send(asking ? request.asking() : request, elements -> {
                        Object parsed = routed.request.isPipeline() ? single(elements) : routed.parser.apply(elements);
                        return parsed == null ? NOTHING : parsed;
                    })
                    .whenComplete((reply, error) -> cluster.execute(() -> answered(request, node, reply, error)));
        }

        private @Nullable Object single(List<@Nullable Object> elements) {
            if (elements.size() != 1) {
                throw new UnexpectedReplyException("1 element");
            }
            return elements.get(0);
        }

        @SuppressWarnings("unchecked") // Where it is no pipeline, its own parser made the reply.
        private void answered(Request request, ClusterNode node, @Nullable Object reply, @Nullable Throwable error) {
            @Nullable Redirect redirect = error == null ? null : Redirect.in(error, node.address());
            if (redirect != null && redirect.slot() == slot && redirects++ < MAXIMUM_REDIRECTS) {
                if (redirect.isForGood()) {
                    cluster.moved(slot, redirect.to());
                    send(request, cluster.nodeOf(slot), false);
                } else {
                    send(request, cluster.nodeAt(redirect.to()), true);
                }
                return;
            }
            if (error != null && routed.request.isPipeline() && isAnswer(error)) {
                // The parser of the whole decides what that means.
                replies.add(new Part.ServerError(RedisErrors.saidIn(error)));
                next();
                return;
            }
            if (error != null) {
                cluster.failed(node, error);
                if (redirect != null) {
                    routed.end(null, node.errors().unsettled(routed.request));
                    over();
                    return;
                }
                routed.end(null, replies.isEmpty() ? error : mayHaveTakenEffect(error));
                over();
                return;
            }
            Object value = reply == NOTHING ? null : reply;
            if (routed.request.isPipeline()) {
                replies.add(value);
                next();
            } else {
                routed.end((T) value, null);
                over();
            }
        }

        /** An error of one command, which is a reply like any other. */
        private boolean isAnswer(Throwable error) {
            String said = RedisErrors.saidIn(error);
            return !said.isEmpty() && !isUnserved(said);
        }

        private Throwable mayHaveTakenEffect(Throwable error) {
            return error instanceof StoreException failure && failure.isSurelyNotSent()
                    ? cluster.nodeOf(slot).errors().lost(routed.request, failure)
                    : error;
        }

        private void over() {
            cluster.execute(SlotRequests.this::follow);
        }
    }

    /** Stands for nil, which no stage of Lettuce's carries apart from nothing. */
    private static final Object NOTHING = new Object();
}
