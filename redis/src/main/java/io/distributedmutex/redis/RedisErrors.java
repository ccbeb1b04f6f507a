package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Collection;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Turns what went wrong into one of our exceptions, with a message that says where, what and what to do about it. No
 * message holds a password, and neither do the causes that are kept.
 */
final class RedisErrors {

    /**
     * The code of an error that a command in a script met. Redis 6.2 says {@code ERR Error running script (call to
     * f_...): @user_script:12: WRONGTYPE ...} or {@code ... @user_script:12: @user_script: 12: -READONLY ...}; Redis 7
     * says {@code WRONGTYPE ... script: ..., on @user_script:12.}
     */
    private static final Pattern INSIDE_SCRIPT = Pattern.compile("@user_script: ?\\d+: -?([A-Z]{3,})\\b");

    private static final Pattern LEADING_CODE = Pattern.compile("-?([A-Z]{3,})\\b");

    private static final Pattern UNKNOWN_COMMAND = Pattern.compile("(?i)\\bunknown (redis )?command\\b");

    /** What follows in "ERR unknown command 'AUTH', with args beginning with: ..." may be a password. */
    private static final String BEFORE_ARGUMENTS = "with args beginning with";

    private static final int MAXIMUM_TEXT = 300;

    private final long timeoutMillis;
    private volatile String server;

    /** Whether the name of the server is one the user gave, which an address does not replace. */
    private final boolean serverGiven;

    /**
     * Errors of one server.
     *
     * @param server how it is called in messages; null to call it by its address as soon as that is known
     * @param timeoutMillis the command time-out
     */
    RedisErrors(@Nullable String server, long timeoutMillis) {
        this.serverGiven = server != null;
        this.server = server != null ? "Redis at " + server : "Redis";
        this.timeoutMillis = timeoutMillis;
    }

    /** How the server is called in messages. */
    String server() {
        return server;
    }

    void connectedTo(SocketAddress address) {
        if (!serverGiven && address instanceof InetSocketAddress internet) {
            server = "Redis at " + internet.getHostString() + ":" + internet.getPort();
        }
    }

    StoreException timedOut(Request request) {
        return new StoreUnreachableException(
                server + " did not answer " + what(request) + " within the command time-out of " + about(timeoutMillis)
                        + "; it may have taken effect",
                null);
    }

    /** A time as core's messages say it: 250 ms, 2 s, 1.5 s. */
    private static String about(long millis) {
        long tenths = (millis + 50) / 100;
        return millis < 1_000 ? millis + " ms" : tenths / 10 + (tenths % 10 == 0 ? "" : "." + tenths % 10) + " s";
    }

    StoreException notConnected(Request request) {
        return StoreUnreachableException.notSent(
                "not connected to " + server + ", so " + what(request) + " was not sent; reconnecting", null);
    }

    StoreException lost(Request request, @Nullable Throwable cause) {
        return new StoreUnreachableException(
                "the connection to " + server + " was lost during " + what(request) + ", which may have taken effect"
                        + (cause == null ? "" : ": " + reasonOf(cause)),
                cause);
    }

    /** The store was closed while a request was on its way. */
    StoreException closed(Request request) {
        return new StoreUnreachableException(
                "the store on " + server + " is closed: " + what(request) + " has no answer", null);
    }

    /** The store was closed before a request was made. */
    StoreException closedBefore(Request request) {
        return StoreUnreachableException.notSent(
                "the store on " + server + " is closed: " + what(request) + " was not sent", null);
    }

    StoreException tooMany(Request request, int inFlight) {
        return StoreUnreachableException.notSent(
                server + " is behind by " + inFlight + " commands, so " + what(request) + " was not sent", null);
    }

    StoreException tooOld(String version, String oldest) {
        return new StoreRefusedException(
                Reason.TOO_OLD,
                server + " is of version " + version + ", but " + oldest + " or later is needed; upgrade it",
                null);
    }

    StoreException sentinel() {
        return new StoreRefusedException(
                Reason.OTHER,
                server
                        + " is a Sentinel, which holds no locks; connect to redis-sentinel://host:port#primary, or to the"
                        + " primary itself",
                null);
    }

    StoreException partOfACluster(String slot, String address) {
        return new StoreRefusedException(
                Reason.OTHER,
                server + " is only a part of a Redis Cluster: slot " + slot + " is on " + printable(address)
                        + "; locks need one server, or a cluster of one shard",
                null);
    }

    /**
     * The server does not let us do all that locks need.
     *
     * @param permissions what the user lacks, as ACL SETUSER takes it
     * @param commands what the server does not have
     */
    StoreException lacking(Collection<String> permissions, Collection<String> commands) {
        String message = server + " does not give locks what they need: ";
        if (!permissions.isEmpty()) {
            message += "the user lacks " + Texts.shown(String.join(" ", permissions))
                    + " (docs/operations.md lists all that it needs)";
        }
        if (!commands.isEmpty()) {
            message += (permissions.isEmpty() ? "" : "; ") + "the server has no " + String.join(", ", commands)
                    + " (renamed, or turned off?)";
        }
        return new StoreRefusedException(permissions.isEmpty() ? Reason.OTHER : Reason.PERMISSION, message, null);
    }

    StoreException companion(String key) {
        return new StoreRefusedException(
                Reason.WRONG_TYPE,
                "'" + Texts.shown(key)
                        + "' cannot be locked: in Redis it would be one of the keys that stand beside locks,"
                        + " which all begin with " + LockKeys.COMPANIONS + "; use another key, or a key prefix",
                null);
    }

    StoreException unexpected(Throwable cause, Request request) {
        return new StoreRefusedException(
                Reason.OTHER,
                server + " gave an unexpected reply to " + what(request)
                        + "; check that nothing but Redis or Valkey stands at that address",
                cause);
    }

    /**
     * Maps what kept a connection from being opened or made ready.
     *
     * @param error the error, or one that wraps it
     * @return the exception for the caller
     */
    StoreException connecting(Throwable error) {
        @Nullable String said = saidByServer(error);
        if (said != null) {
            return refused(said, error, "the connection", null);
        }
        return new StoreUnreachableException(
                "could not connect to " + server + ": " + reasonOf(error) + " (check that it runs there)",
                unwrap(error));
    }

    /**
     * Maps what Lettuce reports of a request.
     *
     * @param error the error, or one that wraps it
     * @param request the request
     * @return the exception for the caller
     */
    StoreException of(Throwable error, Request request) {
        @Nullable String said = saidByServer(error);
        if (said != null) {
            return refused(said, error, what(request), request.key());
        }
        Throwable cause = unwrap(error);
        if (cause instanceof RedisException || cause instanceof IOException || cause instanceof CancellationException) {
            return lost(request, cause);
        }
        return new StoreRefusedException(
                Reason.OTHER, server + " could not be asked for " + what(request) + ": " + reasonOf(cause), cause);
    }

    private StoreException refused(String said, Throwable error, String what, @Nullable String key) {
        String code = codeOf(said);
        Reason reason = reasonOf(code, said);
        int arguments = said.indexOf(BEFORE_ARGUMENTS);
        String shown = printable(arguments < 0 ? said : said.substring(0, arguments));
        // The cause repeats what the server said, so it must not be kept where that was cut off.
        return new StoreRefusedException(
                reason,
                server + " refused " + what + ": " + shown + " ("
                        + (isUnknownCommand(said)
                                ? "the server has no such command: renamed, or turned off?"
                                : advice(reason, code, key))
                        + ")",
                arguments < 0 ? unwrap(error) : null);
    }

    /** The code of an error of the server, such as WRONGTYPE, also when a command in a script met it. */
    static String codeOf(String said) {
        Matcher inside = INSIDE_SCRIPT.matcher(said);
        if (inside.find()) {
            return inside.group(1);
        }
        Matcher leading = LEADING_CODE.matcher(said);
        return leading.lookingAt() ? leading.group(1) : "";
    }

    private static Reason reasonOf(String code, String said) {
        return switch (code) {
            case "WRONGPASS", "NOAUTH" -> Reason.AUTHENTICATION;
            case "NOPERM", "DENIED" -> Reason.PERMISSION;
            case "WRONGTYPE" -> Reason.WRONG_TYPE;
            case "READONLY" -> Reason.READ_ONLY;
            case "OOM" -> Reason.OUT_OF_MEMORY;
            case "BUSY", "LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "UNKILLABLE", "NOREPLICAS" -> Reason.BUSY;
            case "ERR" -> reasonOfPlainError(said);
            default -> Reason.OTHER;
        };
    }

    private static Reason reasonOfPlainError(String said) {
        if (said.contains("without any password configured")) {
            return Reason.AUTHENTICATION;
        }
        // A command inside a script that the user may not run; in the words of Redis up to 7.0, and of those after it.
        if (said.contains("The user executing the script can't") || said.contains("ACL failure in script")) {
            return Reason.PERMISSION;
        }
        return said.contains("max number of clients") ? Reason.BUSY : Reason.OTHER;
    }

    private static String advice(Reason reason, String code, @Nullable String key) {
        return switch (reason) {
            case AUTHENTICATION -> "check the user name and password";
            case PERMISSION -> "docs/operations.md lists the commands, keys and channels that the user needs";
            case WRONG_TYPE ->
                "the key " + (key == null ? "" : "'" + Texts.shown(key) + "' ")
                        + "or one of its companions holds something that is not a lock; remove it or use another key prefix";
            case READ_ONLY -> "connect to the primary, or wait until this replica is promoted";
            case OUT_OF_MEMORY -> "raise its maxmemory, or free memory";
            case BUSY ->
                code.equals("NOREPLICAS")
                        ? "fewer replicas are connected than its min-replicas-to-write; see why"
                        : "it passes by itself; try again";
            case TOO_OLD -> "upgrade it";
            case OTHER ->
                switch (code) {
                    case "MOVED", "ASK", "CROSSSLOT" -> "it belongs to a Redis Cluster, which needs a cluster client";
                    case "MISCONF" -> "it cannot save its data; see its log";
                    default -> "see its log";
                };
        };
    }

    /** A command that was renamed or turned off; in a script too. */
    static boolean isUnknownCommand(String said) {
        return UNKNOWN_COMMAND.matcher(said).find();
    }

    private static String what(Request request) {
        return request.key() == null
                ? request.operation()
                : request.operation() + " of '" + Texts.shown(request.key()) + "'";
    }

    /** What the server refuses a request with; empty once it did not. */
    static CompletableFuture<String> saidBy(CompletionStage<?> request) {
        return request.<String>handle((reply, error) -> error == null ? "" : saidIn(error))
                .toCompletableFuture();
    }

    /** What the server said, if an error is of it; else empty. */
    static String saidIn(Throwable error) {
        @Nullable String said = saidByServer(error);
        return said == null ? "" : said;
    }

    private static @Nullable String saidByServer(Throwable error) {
        for (Throwable each = error; each != null; each = each.getCause()) {
            String message = each.getMessage();
            // Protected mode closes the connection, so that Lettuce tells of it as a connection error.
            if (each instanceof RedisCommandExecutionException
                    || (each instanceof RedisException && message != null && message.startsWith("DENIED"))) {
                return String.valueOf(message);
            }
        }
        return null;
    }

    private static Throwable unwrap(Throwable error) {
        Throwable inner = error;
        while ((inner instanceof CompletionException || inner instanceof ExecutionException)
                && inner.getCause() != null) {
            inner = inner.getCause();
        }
        return inner;
    }

    /** The innermost cause says most: "Connection refused" rather than "Unable to connect". */
    private static String reasonOf(Throwable error) {
        Throwable inner = error;
        while (inner.getCause() != null) {
            inner = inner.getCause();
        }
        if (inner instanceof TimeoutException) {
            return "no answer in time";
        }
        String name = inner.getClass().getSimpleName();
        return inner.getMessage() == null ? name : name + ": " + printable(inner.getMessage());
    }

    private static String printable(String text) {
        String line = text.strip().replaceAll("[\\p{Cc}\\u2028\\u2029]+", " ");
        return line.length() <= MAXIMUM_TEXT ? line : line.substring(0, MAXIMUM_TEXT) + "...";
    }
}
