package io.distributedmutex.redis.live;

import io.distributedmutex.redis.ScriptDigests;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What clients send to a server, by MONITOR, which tells their commands from those that scripts run. Exact: the end of a
 * log is marked by a command of our own.
 */
final class CommandLog implements AutoCloseable {

    private static final Pattern LINE = Pattern.compile("\\+\\S+ \\[\\d+ (\\S+)] (.*)");
    private static final int TIMEOUT_MILLIS = 20_000;

    /** What the log itself and the tests send, on connections of their own. */
    private static final Set<String> OURS = Set.of("ECHO", "INFO", "PTTL", "KEYS", "ZCARD");

    /**
     * A command of a client.
     *
     * @param client its address
     * @param name the command, or for a script of ours the script's name
     * @param arguments what follows the command
     */
    record Sent(String client, String name, List<String> arguments) {

        /** The token of a request, which is the first argument of most scripts: after the digest, "4" and four keys. */
        String token() {
            return arguments.get(6);
        }

        /** The lock key of a script. */
        String key() {
            return arguments.get(2);
        }
    }

    private final EmbeddedRedis redis;
    private final Socket socket;
    private final BufferedReader lines;
    private final Map<String, String> scripts = ScriptDigests.names();
    private int marks;

    private CommandLog(EmbeddedRedis redis) throws IOException {
        this.redis = redis;
        socket = new Socket(redis.host(), redis.port());
        socket.setSoTimeout(TIMEOUT_MILLIS);
        lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        socket.getOutputStream().write("MONITOR\r\n".getBytes(StandardCharsets.US_ASCII));
        if (!"+OK".equals(lines.readLine())) {
            throw new IOException("no MONITOR");
        }
    }

    static CommandLog of(EmbeddedRedis redis) {
        try {
            return new CommandLog(redis);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All that clients have sent since the last call, but for what tests ask by themselves. */
    List<Sent> take() {
        String mark = "mark " + ++marks;
        redis.command("ECHO", mark);
        List<Sent> all = new ArrayList<>();
        try {
            while (true) {
                String line = lines.readLine();
                if (line == null) {
                    throw new IOException("the server ended its log");
                }
                Matcher parts = LINE.matcher(line);
                if (!parts.matches()) {
                    throw new IOException("not a line of MONITOR: " + line);
                }
                List<String> words = words(parts.group(2));
                if (words.contains(mark)) {
                    return all;
                }
                String name = words.get(0).toUpperCase(Locale.ROOT);
                if (!parts.group(1).equals("lua") && !OURS.contains(name)) {
                    all.add(new Sent(
                            parts.group(1),
                            name.equals("EVALSHA") ? scripts.getOrDefault(words.get(1), name) : name,
                            words.subList(1, words.size())));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How often each command, or script, was sent. */
    static Map<String, Integer> counts(List<Sent> sent) {
        Map<String, Integer> counts = new HashMap<>();
        sent.forEach(each -> counts.merge(each.name(), 1, Integer::sum));
        return counts;
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The words of a line, each in quotes, with what is special in it still escaped. */
    private static List<String> words(String line) {
        List<String> words = new ArrayList<>();
        int begin = line.indexOf('"');
        while (begin >= 0) {
            int end = begin + 1;
            while (line.charAt(end) != '"') {
                end += line.charAt(end) == '\\' ? 2 : 1;
            }
            words.add(line.substring(begin + 1, end));
            begin = line.indexOf('"', end + 1);
        }
        return words;
    }
}
