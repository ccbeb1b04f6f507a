package io.distributedmutex.cli.console;

import io.distributedmutex.HolderStatus;
import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Shows locks to people, and to programs. */
public final class LockText {

    private static final String UNKNOWN = "-";

    /** No lock is older. */
    private static final Instant EARLIEST = Instant.parse("2020-01-01T00:00:00Z");

    private static final Duration CLOCKS_DIFFER = Duration.ofDays(1);

    private LockText() {}

    /** For a message: {@code held by host:1, for 43.2 s still unless renewed}. */
    public static String holding(LockInfo lock) {
        return "held by " + holder(lock)
                + lock.remaining()
                        .map(remaining -> ", for " + Messages.about(remaining) + " still unless renewed")
                        .orElse(", without an expiry");
    }

    static String holder(LockInfo lock) {
        return lock.holder().map(Messages::shown).orElse("another library");
    }

    /** Lines of a name and a value each; the shard is only said of a cluster. */
    public static String details(
            String key, Optional<LockInfo> found, Optional<HolderStatus> holder, Optional<String> shard) {
        Map<String, String> lines = new LinkedHashMap<>();
        lines.put("key", Messages.shown(key));
        shard.ifPresent(node -> lines.put("shard", Messages.shown(node)));
        lines.put("state", found.isPresent() ? "held" : "free");
        found.ifPresent(lock -> {
            lines.put("holder", holder(lock));
            lines.put("fencing token", fencingToken(lock));
            lines.put(
                    "since",
                    since(lock).map(since -> shown(since, Instant.now())).orElse(UNKNOWN));
            lines.put("remaining", remaining(lock));
            lines.put("waiters", Integer.toString(lock.waiters()));
            lines.put("owner", holder.map(LockText::owner).orElse(UNKNOWN));
            lines.put("waits for", holder.map(LockText::waits).orElse(UNKNOWN));
        });
        StringBuilder text = new StringBuilder();
        lines.forEach((name, value) -> text.append(name)
                .append(" ".repeat(15 - name.length()))
                .append(value)
                .append('\n'));
        return text.toString();
    }

    /**
     * The members of a JSON object; all are always there, null where there is nothing to say. The shard is there on a cluster
     * only.
     */
    public static Map<String, @Nullable Object> json(String key, Optional<LockInfo> found, Optional<String> shard) {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        members.put("key", key);
        shard.ifPresent(node -> members.put("shard", node));
        members.put("held", found.isPresent());
        members.put("holder", found.flatMap(LockInfo::holder).orElse(null));
        boolean fenced = found.isPresent() && found.get().fencingToken().isPresent();
        members.put("fencingToken", fenced ? found.get().fencingToken().getAsLong() : null);
        members.put(
                "since", found.flatMap(LockText::since).map(Instant::toString).orElse(null));
        members.put(
                "remainingMillis",
                found.flatMap(LockInfo::remaining)
                        .map(remaining -> (Object) remaining.toMillis())
                        .orElse(null));
        members.put("waiters", found.map(LockInfo::waiters).orElse(0));
        return members;
    }

    /** The same and what its holder's instance says. */
    public static Map<String, @Nullable Object> json(
            String key, Optional<LockInfo> found, Optional<HolderStatus> holder, Optional<String> shard) {
        Map<String, @Nullable Object> members = json(key, found, shard);
        members.put("owner", holder.flatMap(HolderStatus::owner).orElse(null));
        members.put(
                "waitsFor",
                holder.map(status -> (Object)
                                status.waits().stream().map(LockText::json).toList())
                        .orElse(null));
        return members;
    }

    private static Map<String, Object> json(HolderStatus.Wait wait) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("key", wait.key());
        members.put("waitedMillis", wait.waited().toMillis());
        return members;
    }

    private static String owner(HolderStatus holder) {
        return holder.owner().map(Messages::shown).orElse("a future without a name");
    }

    private static String waits(HolderStatus holder) {
        return holder.waits().isEmpty()
                ? "nothing"
                : holder.waits().stream()
                        .map(wait -> "'" + Messages.shown(wait.key()) + "' for " + Messages.about(wait.waited()))
                        .collect(Collectors.joining(", "));
    }

    /** A table with a heading; with a column for the shard if there are some. */
    public static String table(List<LockInfo> locks, Function<String, Optional<String>> shardOf) {
        boolean isSharded =
                locks.stream().anyMatch(lock -> shardOf.apply(lock.key()).isPresent());
        List<List<String>> rows = new ArrayList<>();
        rows.add(row(isSharded, "SHARD", "KEY", "HOLDER", "FENCING TOKEN", "REMAINING", "WAITERS"));
        for (LockInfo lock : locks) {
            rows.add(row(
                    isSharded,
                    shardOf.apply(lock.key()).orElse(UNKNOWN),
                    Messages.shown(lock.key()),
                    holder(lock),
                    fencingToken(lock),
                    remaining(lock),
                    Integer.toString(lock.waiters())));
        }
        return Table.of(rows);
    }

    /** The shard stands behind the key. */
    private static List<String> row(boolean isSharded, String shard, String key, String... rest) {
        List<String> row = new ArrayList<>();
        row.add(key);
        if (isSharded) {
            row.add(shard);
        }
        row.addAll(List.of(rest));
        return row;
    }

    private static String fencingToken(LockInfo lock) {
        return lock.fencingToken().isPresent()
                ? Long.toString(lock.fencingToken().getAsLong())
                : UNKNOWN;
    }

    /**
     * When the lock was acquired, in whole seconds of the server's clock: a fencing token is that time in microseconds,
     * unless an earlier token of the slot was larger. Empty if it cannot be a time, or only the holder knows it.
     */
    static Optional<Instant> since(LockInfo lock) {
        if (lock.fencingToken().isEmpty()) {
            return Optional.empty();
        }
        Instant since = Instant.ofEpochSecond(lock.fencingToken().getAsLong() / 1_000_000);
        boolean possible =
                since.isAfter(EARLIEST) && since.isBefore(Instant.now().plus(CLOCKS_DIFFER));
        return possible ? Optional.of(since) : Optional.empty();
    }

    private static String shown(Instant since, Instant now) {
        Duration ago = Duration.between(since, now).truncatedTo(ChronoUnit.SECONDS);
        return ago.isNegative() ? since.toString() : since + ", " + Messages.about(ago) + " ago";
    }

    private static String remaining(LockInfo lock) {
        return lock.remaining().map(Messages::about).orElse("no expiry");
    }
}
