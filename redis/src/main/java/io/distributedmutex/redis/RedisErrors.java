package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Causes;
import io.distributedmutex.spi.Messages;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Turns failures into our exceptions, with a message that says where it happened, what, and what to do about it. No message
 * holds a password, and no cause that is kept does.
 */
final class RedisErrors {

    /**
     * The code of an error that a command in a script met. Redis 6.2 says {@code ERR Error running script (call to
     * f_...): @user_script:12: WRONGTYPE ...} or {@code ... @user_script:12: @user_script: 12: -READONLY ...}; Redis 7
     * says {@code WRONGTYPE ... script: ..., on @user_script:12.}
     */
    private static final Pattern INSIDE_SCRIPT = Pattern.compile("@user_script: ?\\d+: -?([A-Z]{3,})\\b");

    private static final Pattern LEADING_CODE = Pattern.compile("-?([A-Z]{3,})\\b");

    /** What follows in "ERR unknown command 'AUTH', with args beginning with: ..." may be a password. */
    private static final String BEFORE_ARGUMENTS = "with args beginning with";

    /** Such as the exception of an encoder, in a part of Netty whose name depends on its version. */
    private static final String NETTY = "io.netty.";

    private final long timeoutMillis;
    private final ConnectAdvice connectAdvice;
    private volatile String server;

    /** Whether the name of the server is one the user gave, which an address does not replace. */
    private final boolean serverGiven;

    /**
     * Errors of one server.
     *
     * @param uri where it is; null to call it by its address in messages as soon as that is known
     * @param timeoutMillis the command time-out
     */
    RedisErrors(@Nullable RedisURI uri, long timeoutMillis) {
        this(
                uri == null ? "Redis" : "Redis at " + RedisUris.describe(uri),
                uri != null,
                uri == null ? new ConnectAdvice(null) : ConnectAdvice.of(uri),
                timeoutMillis);
    }

    private RedisErrors(String server, boolean serverGiven, ConnectAdvice connectAdvice, long timeoutMillis) {
        this.server = server;
        this.serverGiven = serverGiven;
        this.connectAdvice = connectAdvice;
        this.timeoutMillis = timeoutMillis;
    }

    /**
     * Errors of a cluster as a whole.
     *
     * @param nodes some of its nodes; none with the application's client
     * @param timeoutMillis the command time-out
     */
    static RedisErrors ofCluster(List<RedisURI> nodes, long timeoutMillis) {
        return new RedisErrors(
                nodes.isEmpty() ? "the Redis Cluster of the application's client" : RedisUris.describeCluster(nodes),
                true,
                nodes.isEmpty() ? new ConnectAdvice(null) : ConnectAdvice.of(nodes.get(0)),
                timeoutMillis);
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

    /**
     * No answer in time.
     *
     * @param request the request
     * @param sent whether it may have been sent
     * @return the exception for the caller
     */
    StoreException timedOut(Request request, boolean sent) {
        return sent
                ? new StoreUnreachableException(
                        server + " did not answer " + what(request) + " within the command time-out of "
                                + Messages.about(Duration.ofMillis(timeoutMillis)) + "; it may have taken effect",
                        null)
                : StoreUnreachableException.notSent(
                        what(request) + " could not be sent to " + server + " within the command time-out of "
                                + Messages.about(Duration.ofMillis(timeoutMillis)),
                        null);
    }

    /**
     * There is no connection.
     *
     * @param request the request
     * @param failure what the last attempt to reconnect ended with; null if there was none yet
     * @return the exception for the caller: what the server said to that attempt, if it said something
     */
    StoreException notConnected(Request request, @Nullable Throwable failure) {
        String prefix = "not connected to " + server + ", so " + what(request) + " was not sent; ";
        if (failure == null) {
            return StoreUnreachableException.notSent(prefix + "reconnecting", null);
        }
        @Nullable String said = saidByServer(failure);
        if (said == null) {
            return StoreUnreachableException.notSent(
                    prefix + "reconnecting, last attempt: " + reasonOf(failure),
                    Texts.foreign(Causes.unwrapped(failure)));
        }
        ErrorCode code = ErrorCode.of(codeOf(said), said);
        return StoreRefusedException.notSent(
                code.reason(),
                prefix + "it refuses the connection: " + shown(code, said) + " (" + code.advice() + ")",
                causeOf(said, failure));
    }

    /** The application has shut its client down, before whatever uses it for locks. */
    StoreException clientShutDown(Request request) {
        return StoreUnreachableException.notSent(
                "the application's client of " + server + " was shut down, so " + what(request)
                        + " was not sent; close the mutex before the client",
                null);
    }

    StoreException lost(Request request, @Nullable Throwable cause) {
        return new StoreUnreachableException(
                "the connection to " + server + " was lost during " + what(request) + ", which may have taken effect"
                        + (cause == null ? "" : ": " + reasonOf(cause)),
                cause == null ? null : Texts.foreign(cause));
    }

    /**
     * The store was closed.
     *
     * @param request the request
     * @param sent whether it may have been sent
     * @return the exception for the caller
     */
    StoreException closed(Request request, boolean sent) {
        String prefix = "the store on " + server + " is closed: " + what(request);
        return sent
                ? new StoreUnreachableException(prefix + " has no answer", null)
                : StoreUnreachableException.notSent(prefix + " was not sent", null);
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

    /** Sentinels answer, and none of them knows the name. */
    StoreException unknownPrimary(String name, Collection<String> known) {
        String names = known.isEmpty() ? "no other either" : "'" + String.join("', '", known) + "'";
        return new StoreRefusedException(
                Reason.OTHER,
                "could not connect to " + server + ": they know no primary '" + Texts.foreign(name) + "'; they know "
                        + Texts.foreign(names) + " (check what follows the # of the URI)",
                null);
    }

    /**
     * No Sentinel says where the primary is.
     *
     * @param failures why, by the address of each Sentinel
     * @return the exception for the caller: a refusal if one of them said something
     */
    StoreException noSentinel(Map<String, Throwable> failures) {
        if (failures.isEmpty()) {
            return new StoreUnreachableException(
                    "could not connect to " + server + ": no Sentinel answered in time", null);
        }
        StringJoiner reasons = new StringJoiner("; ");
        @Nullable Throwable refusal = null;
        for (Map.Entry<String, Throwable> failure : failures.entrySet()) {
            @Nullable String said = saidByServer(failure.getValue());
            refusal = refusal == null && said != null ? failure.getValue() : refusal;
            reasons.add(failure.getKey() + ": " + (said == null ? reasonOf(failure.getValue()) : saidBySentinel(said)));
        }
        String message = "could not connect to " + server + ": no Sentinel says where the primary is: " + reasons;
        if (refusal == null) {
            Throwable any = failures.values().iterator().next();
            return new StoreUnreachableException(
                    message + " (" + connectAdvice.on(any) + ")", Texts.foreign(Causes.unwrapped(any)));
        }
        String said = saidIn(refusal);
        ErrorCode code = ErrorCode.of(codeOf(said), said);
        String advice = isUnknownCommand(said) ? "redis:// is for a server without Sentinels" : code.advice();
        return new StoreRefusedException(code.reason(), message + " (" + advice + ")", causeOf(said, refusal));
    }

    private static String saidBySentinel(String said) {
        return isUnknownCommand(said) ? "it is no Sentinel" : shown(ErrorCode.of(codeOf(said), said), said);
    }

    StoreException movedAway(String address) {
        return new StoreUnreachableException(
                "could not connect to " + server + ": they named " + Texts.foreign(address)
                        + ", and another before it was connected to (a failover is on)",
                null);
    }

    StoreException replica(String address) {
        return new StoreUnreachableException(
                "could not connect to " + server + ": they name " + Texts.foreign(address)
                        + ", which says that it is a replica (check whether a failover is on, or stuck)",
                null);
    }

    StoreException partOfACluster(String slot, String address) {
        return new StoreRefusedException(
                Reason.OTHER,
                server + " is only a part of a Redis Cluster: slot " + slot + " is on " + Texts.foreign(address)
                        + "; connect to redis-cluster://host:port, which finds the other parts, or give a"
                        + " RedisClusterClient",
                null);
    }

    /** The URI is of a cluster, and what is there is none. */
    StoreException noCluster(String said) {
        return new StoreRefusedException(
                Reason.OTHER,
                server + " is no Redis Cluster: it says '" + Texts.foreign(said)
                        + "'; connect to redis://host:port, or by Sentinels to redis-sentinel://host:port#primary",
                null);
    }

    /** Nobody has some of the slots. */
    StoreException uncovered(String ranges) {
        return new StoreRefusedException(
                Reason.BUSY,
                server + " does not serve all slots: nobody has " + Texts.foreign(ranges)
                        + " (a cluster that is not complete, or a master that is down without a replica)",
                null);
    }

    /** The nodes send a request to each other. */
    StoreException unsettled(Request request) {
        return new StoreRefusedException(
                Reason.BUSY,
                "the nodes of the cluster send " + what(request) + " to each other, the last was " + server
                        + "; it passes when they agree who has the slot",
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
            message += "the user lacks " + Messages.shown(String.join(" ", permissions))
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
                "'" + Messages.shown(key)
                        + "' cannot be locked: in Redis it would be one of the keys that stand beside locks,"
                        + " which all begin with " + LockKeys.COMPANIONS + "; use another key, or a key prefix",
                null);
    }

    StoreException unexpected(Throwable cause, Request request) {
        return new StoreRefusedException(
                Reason.OTHER,
                server + " gave an unexpected reply to " + what(request)
                        + "; check that nothing but Redis or Valkey stands at that address",
                Texts.foreign(cause));
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
                "could not connect to " + server + ": " + reasonOf(error) + " (" + connectAdvice.on(error) + ")",
                Texts.foreign(Causes.unwrapped(error)));
    }

    /**
     * Maps what Lettuce reports of a request, or what went wrong while it was made or handed over.
     *
     * @param error the error, or one that wraps it
     * @param request the request
     * @param sent whether it may have been sent
     * @return the exception for the caller
     */
    StoreException of(Throwable error, Request request, boolean sent) {
        @Nullable String said = saidByServer(error);
        if (said != null) {
            return refused(said, error, what(request), request.key());
        }
        Throwable cause = Causes.unwrapped(error);
        if (!sent) {
            return StoreUnreachableException.notSent(
                    what(request) + " could not be sent to " + server + ": " + reasonOf(cause), Texts.foreign(cause));
        }
        if (cause instanceof RedisException
                || cause instanceof IOException
                || cause instanceof CancellationException
                || cause instanceof Error
                || cause.getClass().getName().startsWith(NETTY)) {
            return lost(request, cause);
        }
        return new StoreRefusedException(
                Reason.OTHER,
                server + " could not be asked for " + what(request) + ": " + reasonOf(cause),
                Texts.foreign(cause));
    }

    /**
     * Whether an attempt to connect ended because the server refused it.
     *
     * @param failure what it ended with
     * @return the code of the server's error; null if it said nothing
     */
    static @Nullable ErrorCode refusal(Throwable failure) {
        @Nullable String said = saidByServer(failure);
        return said == null ? null : ErrorCode.of(codeOf(said), said);
    }

    private StoreException refused(String said, Throwable error, String what, @Nullable String key) {
        ErrorCode code = ErrorCode.of(codeOf(said), said);
        return new StoreRefusedException(
                code.reason(),
                server + " refused " + what + ": " + shown(code, said) + " (" + advice(code, key) + ")",
                causeOf(said, error));
    }

    private static String shown(ErrorCode code, String said) {
        return code == ErrorCode.NOAUTH ? "it needs a password, and none was given (NOAUTH)" : shown(said);
    }

    /** What a server said, fit for a line, without what follows the name of an unknown command, which may be a password. */
    static String shown(String said) {
        int arguments = said.indexOf(BEFORE_ARGUMENTS);
        return Texts.foreign(arguments < 0 ? said : said.substring(0, arguments));
    }

    /** The cause repeats what the server said, so it must not be kept where that was cut off. */
    private static @Nullable Throwable causeOf(String said, Throwable error) {
        return said.contains(BEFORE_ARGUMENTS) ? null : Texts.foreign(Causes.unwrapped(error));
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

    private static String advice(ErrorCode code, @Nullable String key) {
        return code == ErrorCode.WRONGTYPE && key != null
                ? code.advice()
                        .replaceFirst("the key", Matcher.quoteReplacement("the key '" + Messages.shown(key) + "'"))
                : code.advice();
    }

    /** A command that was renamed or turned off; in a script too. */
    static boolean isUnknownCommand(String said) {
        return ErrorCode.of(codeOf(said), said) == ErrorCode.ERR_UNKNOWN_COMMAND;
    }

    private static String what(Request request) {
        return request.key() == null
                ? request.operation()
                : request.operation() + " of '" + Messages.shown(request.key()) + "'";
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
        for (Throwable each : Causes.of(error)) {
            String message = each.getMessage();
            // Protected mode closes the connection, so that Lettuce tells of it as a connection error.
            if (each instanceof RedisCommandExecutionException
                    || (each instanceof RedisException && message != null && message.startsWith("DENIED"))) {
                return String.valueOf(message);
            }
        }
        return null;
    }

    /**
     * Whether nobody answered in time: a server that is cut off or stands still, or a process that is too slow to hear it. Where the
     * time for a handshake is over before TCP has connected, Lettuce closes the channel, and that is all that is told.
     */
    static boolean isSilence(Throwable error) {
        return Causes.of(error).stream()
                .anyMatch(each -> each instanceof TimeoutException
                        // TLS that is ended by the other side says so beside it.
                        || (each instanceof ClosedChannelException && each.getSuppressed().length == 0)
                        || String.valueOf(each.getMessage()).contains("timed out"));
    }

    /** The innermost cause says most: "Connection refused" rather than "Unable to connect". */
    static String reasonOf(Throwable error) {
        List<Throwable> all = Causes.of(error);
        Throwable inner = all.get(all.size() - 1);
        if (inner instanceof TimeoutException) {
            return "no answer in time";
        }
        if (inner instanceof ClosedChannelException) {
            return "the connection was closed before an answer came";
        }
        String name = inner.getClass().getSimpleName();
        return inner.getMessage() == null ? name : name + ": " + Texts.foreign(inner.getMessage());
    }
}
