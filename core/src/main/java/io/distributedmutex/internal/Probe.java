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
            owner = Fields.name(owner);
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

    String text() {
        StringBuilder text = new StringBuilder(HEAD);
        Fields.append(text, confirms ? "1" : "0");
        Fields.append(text, sequence);
        Fields.append(text, startedMillis);
        Fields.append(text, position);
        Fields.append(text, path.size());
        for (Edge edge : path) {
            Fields.append(text, edge.id);
            Fields.append(text, edge.label);
            Fields.append(text, edge.owner);
            Fields.append(text, edge.key);
            Fields.append(text, edge.waitedMillis);
            Fields.append(text, edge.token);
            Fields.append(text, edge.fencingToken);
            Fields.append(text, edge.heldMillis);
        }
        return text.toString();
    }

    /** Reads a text; null if none of ours can have written it. */
    static @Nullable Probe parse(String text) {
        if (text.length() > MAXIMUM_TEXT) {
            return null;
        }
        try {
            return read(new Fields.Reader(HEAD, text));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static Probe read(Fields.Reader reader) {
        boolean confirms = reader.number(1) == 1;
        long sequence = reader.number(Long.MAX_VALUE);
        long startedMillis = reader.number(Long.MAX_VALUE);
        int position = (int) reader.number(MAXIMUM_PATH - 1);
        int count = (int) reader.number(MAXIMUM_PATH);
        Fields.check(confirms ? position < count : position == count - 1);
        Set<String> ids = new HashSet<>();
        List<Edge> path = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Edge edge = edge(reader);
            Fields.check(ids.add(edge.id));
            path.add(edge);
        }
        reader.end();
        return new Probe(confirms, sequence, startedMillis, position, List.copyOf(path));
    }

    private static Edge edge(Fields.Reader reader) {
        String id = reader.half();
        String label = reader.field(Fields.MAXIMUM_NAME);
        String owner = reader.field(Fields.MAXIMUM_NAME);
        String key = reader.field(Fields.MAXIMUM_KEY);
        long waitedMillis = reader.number(Long.MAX_VALUE);
        String token = reader.field(Token.LENGTH);
        Fields.check(TOKEN.matcher(token).matches());
        long fencingToken = reader.number(Long.MAX_VALUE);
        return new Edge(id, label, owner, key, waitedMillis, token, fencingToken, reader.number(Long.MAX_VALUE));
    }
}
