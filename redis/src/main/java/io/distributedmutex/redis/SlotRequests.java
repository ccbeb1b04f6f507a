package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.lettuce.core.RedisCommandExecutionException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The requests for one slot of a cluster, in order. A node that does not serve the slot, or not this key of it any more, answers
 * with a redirect, and has done nothing. Whoever sends that request elsewhere must not let it overtake, nor be overtaken: a
 * release after an acquire is a release.
 *
 * <p>As long as nothing is redirected, requests go out at once, to one node, by one connection, which keeps their order. From the
 * first redirect on, later requests are held until all that are on their way have been answered. Then those that were redirected
 * go first, in the order in which they were made, and the held ones after them. The same holds if the slot is found to be elsewhere
 * while requests are on their way. Each request has a number, and none goes out behind one with a greater number that is still on
 * its way: that may be redirected, too.
 *
 * <p>While a slot moves, a key is at one node or the other: the old one has it, or says {@code ASK} and the new one may. A request
 * of several keys is served only where they all are; else the answer is {@code TRYAGAIN}, which the caller hears: it repeats, or
 * does without. Native commands that go together are sent one by one then, as each may find its key elsewhere.
 *
 * <p>An error (no memory, no stack) ends the request at which it strikes, and no other: whoever has the right to go on with the
 * others uses it or passes it on, and what was counted as on its way is counted off.
 */
final class SlotRequests implements Sender {

    /**
     * How often one request is redirected before its caller hears of it. It bounds what nodes cost that send requests to each
     * other, because they do not agree: so many messages for each request, and the caller repeats no sooner than it polls.
     */
    static final int MAXIMUM_REDIRECTS = 8;

    private static final long NOT_NOW = -1;

    /** A node of the cluster. */
    interface Node extends Sender {

        NodeAddress address();

        /** It has served a request. */
        void serves();

        /** It says that it does not serve the slot, or nothing at all. */
        void servesNot();
    }

    /** The cluster, as far as requests need it. */
    interface Cluster {

        /** The master of a slot, as far as is known. */
        Node nodeOf(int slot);

        Node nodeAt(NodeAddress address);

        /** A node says that another has a slot for good. */
        void moved(int slot, NodeAddress to);

        /** A request ended with an error. */
        void failed(Throwable error);

        /** Runs something soon, on a thread of the client's. */
        void execute(Runnable task);

        /** Runs something when a request that was made at that time may take no longer. */
        void limit(Runnable expire, long sinceNanos);

        /** Runs something later; returns whether that will be so. */
        boolean schedule(Runnable task, long millis);

        /** As {@link System#nanoTime()}. */
        long nanoTime();
    }

    private final int slot;
    private final Cluster cluster;
    private final ClientName client;

    // Guarded by this.
    /** Where the requests on their way are; only meaningful while there are such. */
    private @Nullable Node at;

    private int onTheirWay;

    /** The number of the latest of those on their way. */
    private long latest;

    private long nextNumber;

    /** Redirected, in the order in which they were made. */
    private final PriorityQueue<Routed<?>> redirected = new PriorityQueue<>();

    /** Held because others were redirected. */
    private final ArrayDeque<Routed<?>> held = new ArrayDeque<>();

    /** Whether a thread, or an answer to come, goes on with what is redirected or held. */
    private boolean following;

    /** The number of the right to follow, which is used once, though it may be passed on in more than one way. */
    private long turn;

    SlotRequests(int slot, Cluster cluster) {
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
        Node node = cluster.nodeOf(slot);
        boolean now;
        long follow = NOT_NOW;
        synchronized (this) {
            routed.number = nextNumber++;
            now = !following && redirected.isEmpty() && held.isEmpty() && (onTheirWay == 0 || at == node);
            if (now) {
                depart(routed, node);
            } else {
                held.addLast(routed);
                follow = begin();
            }
        }
        if (now) {
            dispatch(routed, node);
        } else {
            limit(routed);
            if (follow != NOT_NOW) {
                follow(follow);
            }
        }
        return routed.result;
    }

    private void limit(Routed<?> routed) {
        try {
            cluster.limit(routed::expire, routed.madeNanos);
        } catch (Throwable e) {
            // Nothing would end it.
            routed.end(null, e);
        }
    }

    /**
     * Holds what is sent from now on until something is there, or a time is over.
     *
     * @param there completes when it is there
     * @param millis the time
     * @return whether it is held
     */
    boolean holdUntil(CompletableFuture<?> there, long millis) {
        long right;
        synchronized (this) {
            if (following) {
                return false;
            }
            following = true;
            right = turn;
        }
        boolean isHeld = false;
        try {
            CompletableFuture<?> unused = there.whenComplete((ignored, error) -> followSoon(right));
            isHeld = cluster.schedule(() -> followSoon(right), millis);
        } finally {
            if (!isHeld) {
                followSoon(right);
            }
        }
        return isHeld;
    }

    /** It counts as on its way from now on. Guarded by this. */
    private void depart(Routed<?> routed, Node node) {
        at = node;
        onTheirWay++;
        latest = routed.number;
        routed.isCounted = true;
    }

    /** The right to go on with what is redirected or held, if there is such and nobody has that right. Guarded by this. */
    private long begin() {
        if (following || onTheirWay > 0 || (redirected.isEmpty() && held.isEmpty())) {
            return NOT_NOW;
        }
        following = true;
        return turn;
    }

    /** Sends a request that counts as on its way. */
    private <T> void dispatch(Routed<T> routed, Node node) {
        if (!routed.begin()) {
            arrived(routed, false);
            return;
        }
        try {
            CompletableFuture<T> unused = node.send(routed.request, routed::parse)
                    .whenComplete((value, error) -> answered(routed, node, value, error));
        } catch (Throwable e) {
            // It may have been sent all the same.
            answered(routed, node, null, e);
        }
    }

    private <T> void answered(Routed<T> routed, Node node, @Nullable T value, @Nullable Throwable error) {
        boolean isRedirected = false;
        @Nullable Throwable failure = error;
        try {
            if (error == null) {
                node.serves();
            } else {
                Redirect redirect = Redirect.in(error, node.address());
                if (redirect == null) {
                    failed(node, error);
                } else if (redirect.slot() == slot && routed.redirects++ < MAXIMUM_REDIRECTS) {
                    if (redirect.isForGood()) {
                        moved(node, redirect);
                    }
                    routed.asked = redirect.isForGood() ? null : redirect.to();
                    if (routed.hold()) {
                        limit(routed);
                    }
                    isRedirected = true;
                } else {
                    failure = node.errors().unsettled(routed.request);
                }
            }
        } catch (Throwable e) {
            failure = e;
        }
        // First: whoever hears of it may send the next one at once.
        arrived(routed, isRedirected);
        if (!isRedirected) {
            routed.end(value, failure);
        }
    }

    private void moved(Node node, Redirect redirect) {
        node.servesNot();
        cluster.moved(slot, redirect.to());
    }

    private void failed(Node node, Throwable error) {
        if (isDown(RedisErrors.saidIn(error))) {
            node.servesNot();
        }
        cluster.failed(error);
    }

    /** A request is not on its way any more. */
    private void arrived(Routed<?> routed, boolean isRedirected) {
        long follow;
        synchronized (this) {
            if (!routed.isCounted) {
                // An error struck when it was sent, and this is its answer.
                return;
            }
            routed.isCounted = false;
            onTheirWay--;
            if (isRedirected) {
                redirected.add(routed);
            }
            follow = begin();
        }
        if (follow != NOT_NOW) {
            followSoon(follow);
        }
    }

    /** With the right to follow: passes it on to a thread of the client's, or uses it here if that cannot be. */
    private void followSoon(long right) {
        try {
            cluster.execute(() -> follow(right));
        } catch (Throwable e) {
            follow(right);
        }
    }

    /** With the right to follow: sends what is redirected or held, in order, as far as it may go out now. */
    private void follow(long right) {
        synchronized (this) {
            if (right != turn) {
                // It was used.
                return;
            }
            turn++;
        }
        boolean goesOn = true;
        while (goesOn) {
            goesOn = sendNext();
        }
    }

    /** Returns whether this has the right to follow still. */
    private boolean sendNext() {
        @Nullable Routed<?> next = null;
        try {
            Node node = cluster.nodeOf(slot);
            synchronized (this) {
                Routed<?> first = redirected.isEmpty() ? held.peekFirst() : redirected.peek();
                // If something is on its way, it goes on with the last answer.
                if (first == null || (onTheirWay > 0 && !first.mayFollow(node))) {
                    following = false;
                    return false;
                }
                take();
                next = first;
                if (first.asked == null) {
                    depart(first, node);
                }
            }
            if (next.asked == null) {
                dispatch(next, node);
                return true;
            }
            new Piecewise<>(next).next();
            return false;
        } catch (Throwable e) {
            if (next == null) {
                synchronized (this) {
                    next = take();
                    following = next != null;
                }
            }
            if (next != null) {
                next.end(null, e);
            }
            return next != null;
        }
    }

    /** Takes out what is to go next, if anything is. Guarded by this. */
    private @Nullable Routed<?> take() {
        return redirected.isEmpty() ? held.pollFirst() : redirected.poll();
    }

    /** A request of this slot, until its caller has an answer. */
    private final class Routed<T> implements Comparable<Routed<?>> {

        private final Request request;
        private final Function<List<@Nullable Object>, T> parser;
        private final CompletableFuture<T> result = new CompletableFuture<>();
        private final long madeNanos = cluster.nanoTime();

        /** Replies to its first commands, from before it was redirected. */
        private final List<@Nullable Object> replies = new ArrayList<>();

        /** The node that has this request alone; null if it is to go to the master. */
        private @Nullable NodeAddress asked;

        private int redirects;

        /** Its place among the requests of the slot. */
        private long number;

        /** Whether it is among those on their way. Guarded by the requests of the slot. */
        private boolean isCounted;

        // Guarded by this.
        private boolean isOnItsWay;
        private boolean isTimed;

        Routed(Request request, Function<List<@Nullable Object>, T> parser) {
            this.request = request;
            this.parser = parser;
        }

        @Override
        public int compareTo(Routed<?> other) {
            return Long.compare(number, other.number);
        }

        /** Whether it may go to a node behind what is on its way. Guarded by the requests of the slot. */
        private boolean mayFollow(Node node) {
            return asked == null && at == node && latest < number;
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
                try {
                    result.completeExceptionally(errors().timedOut(request, sent));
                } catch (Throwable e) {
                    result.completeExceptionally(e);
                }
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
        void endWith(List<@Nullable Object> elements, Node node) {
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
        return Redirect.isOne(said) || said.startsWith("TRYAGAIN") || isDown(said);
    }

    /** Whether a node says that it has lost the cluster, or that slots are not served. */
    static boolean isDown(String said) {
        return said.startsWith("CLUSTERDOWN");
    }

    /**
     * Sends the commands of a request one by one, each to where its key is: the master, or the node that this names. Nothing else
     * of the slot is on its way meanwhile. It has the right to follow, and passes it on when it is over.
     */
    private final class Piecewise<T> {

        private final Routed<T> routed;
        private final List<@Nullable Object> replies;
        private int redirects;

        /** The number of the command on its way, whose answer counts once. Guarded by this. */
        private int current;

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

        private void send(Request request, Node node, boolean asking) {
            int number = begin();
            try {
                CompletableFuture<Object> unused = node.send(asking ? request.asking() : request, this::parse)
                        .whenComplete((reply, error) -> answeredSoon(number, request, node, reply, error));
            } catch (Throwable e) {
                fail(number, e);
            }
        }

        private synchronized int begin() {
            return ++current;
        }

        private synchronized boolean end(int number) {
            boolean first = number == current;
            if (first) {
                current++;
            }
            return first;
        }

        private Object parse(List<@Nullable Object> elements) {
            Object parsed = routed.request.isPipeline() ? single(elements) : routed.parser.apply(elements);
            return parsed == null ? NOTHING : parsed;
        }

        private void answeredSoon(
                int number, Request request, Node node, @Nullable Object reply, @Nullable Throwable error) {
            try {
                cluster.execute(() -> {
                    if (end(number)) {
                        answered(request, node, reply, error);
                    }
                });
            } catch (Throwable e) {
                fail(number, e);
            }
        }

        private void answered(Request request, Node node, @Nullable Object reply, @Nullable Throwable error) {
            try {
                goOn(request, node, reply, error);
            } catch (Throwable e) {
                routed.end(null, e);
                over();
            }
        }

        private void fail(int number, Throwable error) {
            if (end(number)) {
                routed.end(null, error);
                over();
            }
        }

        private @Nullable Object single(List<@Nullable Object> elements) {
            if (elements.size() != 1) {
                throw new UnexpectedReplyException("1 element");
            }
            return elements.get(0);
        }

        @SuppressWarnings("unchecked") // Where it is no pipeline, its own parser made the reply.
        private void goOn(Request request, Node node, @Nullable Object reply, @Nullable Throwable error) {
            @Nullable Redirect redirect = error == null ? null : Redirect.in(error, node.address());
            if (redirect != null && redirect.slot() == slot && redirects++ < MAXIMUM_REDIRECTS) {
                if (redirect.isForGood()) {
                    moved(node, redirect);
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
                failed(node, error);
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
            long right;
            synchronized (SlotRequests.this) {
                right = turn;
            }
            followSoon(right);
        }
    }

    /** Stands for nil, which no stage of Lettuce's carries apart from nothing. */
    private static final Object NOTHING = new Object();
}
