package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.Loopback;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * What a server is to be like, apart from its port and folder; writes it as a redis.conf.
 *
 * <p>The password travels in that file, in a folder only its owner can read, and never on a command line.
 *
 * @param password the password of the default user, or null for none
 * @param dataKept whether data survives the process
 * @param primary the server this one replicates, or null
 * @param role what the process is
 * @param directives further lines of redis.conf, each checked by {@link #checked} or made here; they come last
 */
record RedisConfiguration(
        @Nullable String password,
        boolean dataKept,
        @Nullable Primary primary,
        Role role,
        List<String> directives) {

    /** What a process is, and whose its redis.conf is. */
    enum Role {
        /** A server of its own; its redis.conf is written anew at each start. */
        SERVER,
        /** A server that Sentinels or a cluster reconfigure: it finds its redis.conf at a restart as it has rewritten it. */
        WATCHED,
        /** A Sentinel, which keeps what it knows in its redis.conf. */
        SENTINEL
    }

    /**
     * Where a replica has its data from.
     *
     * @param port the port of the primary, or of what stands before it
     * @param password the primary's password, or null for none
     */
    record Primary(int port, @Nullable String password) {}

    /** Directives that another option sets, with that option. */
    private static final Map<String, String> RESERVED = Map.ofEntries(
            Map.entry("port", "use port(int)"),
            Map.entry("requirepass", "use password(String)"),
            Map.entry("appendonly", "use dataKept(boolean)"),
            Map.entry("replicaof", "use replicaOf(EmbeddedRedis)"),
            Map.entry("slaveof", "use replicaOf(EmbeddedRedis)"),
            Map.entry("bind", "the server listens on 127.0.0.1 only"),
            Map.entry("dir", "the server has a folder of its own"),
            Map.entry("logfile", "the log is in the folder of the server"),
            Map.entry("daemonize", "the server is a child process"),
            Map.entry("supervised", "the server is a child process"));

    RedisConfiguration {
        directives = List.copyOf(directives);
    }

    /** Returns the password replaced by stars wherever the text contains it. */
    String redacted(String text) {
        return password == null ? text : text.replace(password, "***").replace(quoted(password), "***");
    }

    /** Says what matters of this configuration, without the password. */
    @Override
    public String toString() {
        return "password " + (password == null ? "none" : "***") + ", dataKept " + dataKept + ", directives "
                + directives.size();
    }

    /** Returns the name and its values as one line of redis.conf. */
    static String directive(String name, List<String> values) {
        if (!name.matches("[A-Za-z0-9-]+")) {
            throw new IllegalArgumentException(
                    "'" + name + "' is not the name of a directive, which has letters, digits and hyphens");
        }
        if (values.isEmpty()) {
            throw new IllegalArgumentException("directive '" + name + "' needs a value");
        }
        StringJoiner line = new StringJoiner(" ");
        line.add(name);
        values.forEach(value -> line.add(quoted(value)));
        return checked(line.toString());
    }

    /** Returns the line if it is one line that sets a directive not reserved for another option, else throws. */
    static String checked(String line) {
        if (!line.matches("[A-Za-z0-9-]+[ \\t]+\\P{Cntrl}+")) {
            throw new IllegalArgumentException(
                    "not a line of redis.conf, which is a name (letters, digits and hyphens), a"
                            + " space and values without control characters: '"
                            + line.lines().findFirst().orElse("") + "'");
        }
        String name = line.split("[ \\t]", 2)[0].toLowerCase(Locale.ROOT);
        String option = RESERVED.get(name);
        if (option != null) {
            throw new IllegalArgumentException("directive '" + name + "' cannot be set: " + option);
        }
        return line;
    }

    /** Returns the file's text for a server of that kind, with that port and folder. */
    String text(RedisExecutable executable, int port, ServerFolder folder) {
        StringBuilder text = new StringBuilder(512);
        add(text, "bind", "127.0.0.1");
        add(text, "protected-mode", "no");
        add(text, "port", Integer.toString(port));
        add(text, "daemonize", "no");
        add(text, "loglevel", "notice");
        add(text, "logfile", folder.log().toString());
        add(text, "dir", folder.data().toString());
        if (password != null) {
            add(text, "requirepass", password);
        }
        if (role != Role.SENTINEL) {
            addStorage(text, executable);
        }
        directives.forEach(line -> text.append(line).append('\n'));
        return text.toString();
    }

    private void addStorage(StringBuilder text, RedisExecutable executable) {
        // No snapshots. For kept data, every reply is sent after its write(2); only a crash of the machine could lose
        // it,
        // so no fsync is needed. (With everysec a write is held back for up to 2 s while an fsync runs.)
        add(text, "save", "");
        add(text, "appendonly", dataKept ? "yes" : "no");
        add(text, "appendfsync", "no");
        // A replica need not wait the 5 s in which a primary hopes for more replicas.
        add(text, "repl-diskless-sync", "yes");
        add(text, "repl-diskless-sync-delay", "0");
        if (executable.isAtLeast(7)) {
            add(text, "enable-debug-command", "yes"); // Allowed before version 7, and refused by it unless set.
        }
        if (primary != null) {
            text.append("replicaof ")
                    .append(Loopback.HOST)
                    .append(' ')
                    .append(primary.port())
                    .append('\n');
        }
        // A server that may become a replica needs the password of the next primary, which is its own.
        String primaryPassword = primary != null ? primary.password() : role == Role.WATCHED ? password : null;
        if (primaryPassword != null) {
            add(text, "masterauth", primaryPassword);
        }
    }

    private static void add(StringBuilder text, String name, String value) {
        text.append(name).append(' ').append(quoted(value)).append('\n');
    }

    /**
     * Quotes a value as redis.conf wants it: in double quotes, with \xHH for what is not plain ASCII (sdssplitargs in
     * sds.c).
     */
    private static String quoted(String value) {
        StringBuilder quoted = new StringBuilder(value.length() + 2).append('"');
        for (byte next : value.getBytes(StandardCharsets.UTF_8)) {
            boolean plain = next >= ' ' && next <= '~' && next != '"' && next != '\\';
            if (plain) {
                quoted.append((char) next);
            } else {
                quoted.append(String.format(Locale.ROOT, "\\x%02x", next & 0xff));
            }
        }
        return quoted.append('"').toString();
    }
}
