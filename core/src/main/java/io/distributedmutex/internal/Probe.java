package io.distributedmutex.internal;

import io.distributedmutex.Deadlock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What {@link DeadlockDetector} sends round: the way from a wait, the origin, to who holds its key, to what that one waits
 * for, and so on. As text it may have been written by anybody, so parsing is strict, and everything in it has a bound.
 *
 * @param confirms whether it goes round for the second time, along a circle that was found
 * @param sequence which of the origin's probes it is
 * @param startedMillis when the origin began to wait, by its clock
 * @param position the edge whose key the receiver is to hold; all before it have been followed, or confirmed
 * @param path the edges, from the origin on; at least one, with different waits
 */
record Probe(boolean confirms, long sequence, long startedMillis, int position, List<Edge> path) {

    /** The longest way that is followed. */
    static final int MAXIMUM_PATH = 64;

    /** The longest text, in characters. */
    static final int MAXIMUM_TEXT = 65_536;

    /** What a text begins with; another version begins otherwise. */
    private static final String HEAD = "probe1|";

    private static final int MAXIMUM_KEY = 512;
    private static final int MAXIMUM_NAME = 128;
    private static final int MAXIMUM_DIGITS = 19;

    private static final Pattern HALF = Pattern.compile("[A-Za-z0-9_-]{" + Token.HALF + "}");
    private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9_-]{" + Token.LENGTH + "}");

    /**
     * A wait, and the lease that it waits for. What the lease's holder says of it is 0 until that is known.
     *
     * @param id a random name of the wait, by which its instance knows it
     * @param label of the wait's instance
     * @param owner who waits
     * @param key what for
     * @param waitedMillis for how long
     * @param token that owns the key
     * @param fencingToken of the lease
     * @param heldMillis for how long the lease has been held
     */
    record Edge(
            String id,
            String label,
            String owner,
            String key,
            long waitedMillis,
            String token,
            long fencingToken,
            long heldMillis) {

        Edge {
            owner = owner.length() <= MAXIMUM_NAME ? owner : owner.substring(0, MAXIMUM_NAME);
        }

        Edge heldFor(long millis, long fence) {
            return new Edge(id, label, owner, key, waitedMillis, token, fence, millis);
        }
    }

    /** The wait that it is about. */
    String origin() {
        return path.get(0).id;
    }

    /** The edge that the receiver is to look at. */
    Edge edge() {
        return path.get(position);
    }

    boolean contains(String wait) {
        return path.stream().anyMatch(edge -> edge.id.equals(wait));
    }

    /** With one edge more, which is to be looked at next. */
    Probe with(Edge next) {
        List<Edge> longer = new ArrayList<>(path);
        longer.add(next);
        return new Probe(confirms, sequence, startedMillis, path.size(), List.copyOf(longer));
    }

    /** With what the holder of the last key says of its lease. */
    Probe heldFor(long millis, long fencingToken) {
        List<Edge> known = new ArrayList<>(path);
        known.set(position, edge().heldFor(millis, fencingToken));
        return new Probe(confirms, sequence, startedMillis, position, List.copyOf(known));
    }

    /** To confirm the circle, from an edge on. */
    Probe confirming(int from) {
        return new Probe(true, sequence, startedMillis, from, path);
    }

    /** The circle for people. */
    Deadlock circle() {
        return new Deadlock(path.stream()
                .map(edge -> new Deadlock.Wait(
                        edge.label,
                        edge.owner,
                        edge.key,
                        Duration.ofMillis(edge.waitedMillis),
                        Duration.ofMillis(edge.heldMillis),
                        edge.fencingToken))
                .toList());
    }

    /** Two circles with the same are the same. */
    List<String> identity() {
        return path.stream().map(edge -> edge.id + edge.token).toList();
    }

    // ---- as text

    /** Each field with its length before it, since keys and names may be any text. */
    String text() {
        StringBuilder text = new StringBuilder(HEAD);
        append(text, confirms ? "1" : "0");
        append(text, sequence);
        append(text, startedMillis);
        append(text, position);
        append(text, path.size());
        for (Edge edge : path) {
            append(text, edge.id);
            append(text, edge.label);
            append(text, edge.owner);
            append(text, edge.key);
            append(text, edge.waitedMillis);
            append(text, edge.token);
            append(text, edge.fencingToken);
            append(text, edge.heldMillis);
        }
        return text.toString();
    }

    private static void append(StringBuilder text, long number) {
        append(text, Long.toString(number));
    }

    private static void append(StringBuilder text, String field) {
        text.append(field.length()).append(':').append(field);
    }

    /** Reads a text; null if none of ours can have written it. */
    static @Nullable Probe parse(String text) {
        if (text.length() > MAXIMUM_TEXT || !text.startsWith(HEAD)) {
            return null;
        }
        try {
            return new Reader(text).probe();
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** Throws {@link IllegalArgumentException} for what is out of bounds. */
    private static final class Reader {
        private final String text;
        private int at = HEAD.length();

        Reader(String text) {
            this.text = text;
        }

        Probe probe() {
            boolean confirms = number(1) == 1;
            long sequence = number(Long.MAX_VALUE);
            long startedMillis = number(Long.MAX_VALUE);
            int position = (int) number(MAXIMUM_PATH - 1);
            int count = (int) number(MAXIMUM_PATH);
            check(confirms ? position < count : position == count - 1);
            Set<String> ids = new HashSet<>();
            List<Edge> path = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                Edge edge = edge();
                check(ids.add(edge.id));
                path.add(edge);
            }
            check(at == text.length());
            return new Probe(confirms, sequence, startedMillis, position, List.copyOf(path));
        }

        private Edge edge() {
            String id = field(Token.HALF);
            check(HALF.matcher(id).matches());
            String label = field(MAXIMUM_NAME);
            String owner = field(MAXIMUM_NAME);
            String key = field(MAXIMUM_KEY);
            long waitedMillis = number(Long.MAX_VALUE);
            String token = field(Token.LENGTH);
            check(TOKEN.matcher(token).matches());
            return new Edge(id, label, owner, key, waitedMillis, token, number(Long.MAX_VALUE), number(Long.MAX_VALUE));
        }

        private long number(long maximum) {
            String digits = field(MAXIMUM_DIGITS);
            check(!digits.isEmpty() && digits.chars().allMatch(c -> c >= '0' && c <= '9'));
            long number = Long.parseLong(digits);
            check(number <= maximum);
            return number;
        }

        private String field(int maximum) {
            int colon = text.indexOf(':', at);
            check(colon > at && colon - at <= 3);
            int length = Integer.parseInt(text, at, colon, 10);
            check(length >= 0 && length <= maximum && length <= text.length() - colon - 1);
            at = colon + 1 + length;
            return text.substring(colon + 1, at);
        }

        private static void check(boolean holds) {
            if (!holds) {
                throw new IllegalArgumentException("not a probe");
            }
        }
    }
}
