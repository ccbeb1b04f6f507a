package io.distributedmutex.redis.live;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How often a server has run each command, by INFO commandstats, which counts those inside scripts too. */
final class CommandStats {

    private static final Pattern LINE = Pattern.compile("cmdstat_([^:]+):calls=(\\d+),.*");

    private CommandStats() {}

    /** The count of each command since the server started. */
    static TreeMap<String, Long> of(EmbeddedRedis redis) {
        TreeMap<String, Long> counts = new TreeMap<>();
        String.valueOf(redis.command("INFO", "commandstats")).lines().forEach(line -> {
            Matcher match = LINE.matcher(line);
            if (match.matches()) {
                counts.put(match.group(1), Long.valueOf(match.group(2)));
            }
        });
        return counts;
    }

    /** What was run since, but for INFO itself and ECHO, which ends a {@link CommandLog}. */
    static TreeMap<String, Long> since(TreeMap<String, Long> before, EmbeddedRedis redis) {
        TreeMap<String, Long> counts = of(redis);
        before.forEach((command, count) -> counts.merge(command, -count, Long::sum));
        counts.values().removeIf(count -> count == 0);
        counts.remove("info");
        counts.remove("echo");
        return counts;
    }
}
