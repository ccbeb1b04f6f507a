package io.distributedmutex.redis;

import io.distributedmutex.StoreRefusedException.Reason;
import java.util.regex.Pattern;

/**
 * The first words of the errors of Redis and Valkey, and what each means for a lock. These are all codes in the sources of
 * Redis 7.4 and Valkey 8. The table in docs/operations.md says the same to users.
 */
enum ErrorCode {
    WRONGPASS(Reason.AUTHENTICATION, Advice.CREDENTIALS),
    NOAUTH(Reason.AUTHENTICATION, "give it in the URI, as in redis://:PASSWORD@host or redis://USER:PASSWORD@host"),
    NOPERM(Reason.PERMISSION, Advice.RIGHTS),
    DENIED(
            Reason.PERMISSION,
            "it is in protected mode, which lets in only clients of its own machine: give it a password, or turn that off"),
    WRONGTYPE(Reason.WRONG_TYPE, Advice.WRONG_TYPE),
    READONLY(Reason.READ_ONLY, "connect to the primary, or wait until this replica is promoted"),
    REDIRECT(Reason.READ_ONLY, "another server is the primary now: connect to that one"),
    OOM(Reason.OUT_OF_MEMORY, "raise its maxmemory, or free memory"),
    BUSY(Reason.BUSY, "somebody's script or module keeps it busy; it passes when that has ended or is killed"),
    UNKILLABLE(Reason.BUSY, "somebody's script keeps it busy; it passes when that has ended"),
    LOADING(Reason.BUSY, "it passes when the data is loaded"),
    MASTERDOWN(Reason.BUSY, "it is a replica that has lost its primary; it passes when that is back"),
    CLUSTERDOWN(Reason.BUSY, "it passes when the cluster serves all slots again"),
    TRYAGAIN(Reason.BUSY, "it passes when the cluster has moved the slot"),
    UNBLOCKED(Reason.BUSY, "it passes by itself; try again"),
    NOREPLICAS(Reason.BUSY, "fewer replicas are connected than its min-replicas-to-write; see why"),
    MISCONF(Reason.BUSY, "it takes no writes while it cannot save its data: look at its disk and log"),
    MOVED(Reason.OTHER, Advice.CLUSTER),
    ASK(Reason.OTHER, Advice.CLUSTER),
    CROSSSLOT(Reason.OTHER, Advice.CLUSTER),
    NOSCRIPT(Reason.OTHER, Advice.LOG),
    EXECABORT(Reason.OTHER, Advice.LOG),
    NOPROTO(Reason.OTHER, Advice.LOG),
    BUSYKEY(Reason.OTHER, Advice.LOG),
    BUSYGROUP(Reason.OTHER, Advice.LOG),
    NOGROUP(Reason.OTHER, Advice.LOG),
    NOSUB(Reason.OTHER, Advice.LOG),
    NOTBUSY(Reason.OTHER, Advice.LOG),
    INVALIDOBJ(Reason.OTHER, Advice.LOG),
    IOERR(Reason.OTHER, Advice.LOG),
    INPROG(Reason.OTHER, Advice.LOG),
    NOMASTERLINK(Reason.OTHER, Advice.LOG),
    NOGOODSLAVE(Reason.OTHER, Advice.LOG),
    NOQUORUM(Reason.OTHER, Advice.LOG),
    /** Not known to us: of a module, a proxy, a later version. */
    UNKNOWN(Reason.OTHER, Advice.LOG),

    // What begins with a plain ERR, or nothing, told apart by its words.

    ERR_NO_PASSWORD_SET(Reason.AUTHENTICATION, Advice.CREDENTIALS),
    ERR_NOT_PERMITTED_IN_SCRIPT(Reason.PERMISSION, Advice.RIGHTS),
    ERR_MAXIMUM_OF_CLIENTS(Reason.BUSY, "it passes when others disconnect; or raise its maxclients"),
    /** A script that began while all its keys were there, and removed one. */
    ERR_NOT_LOCAL(Reason.BUSY, "it passes when the cluster has moved the slot"),
    ERR_UNKNOWN_COMMAND(Reason.OTHER, "the server has no such command: renamed, or turned off?"),
    ERR(Reason.OTHER, Advice.LOG);

    private static final Pattern UNKNOWN_COMMAND = Pattern.compile("(?i)\\bunknown (redis )?command\\b");

    private final Reason reason;
    private final String advice;

    ErrorCode(Reason reason, String advice) {
        this.reason = reason;
        this.advice = advice;
    }

    Reason reason() {
        return reason;
    }

    /** What to do about it. */
    String advice() {
        return advice;
    }

    /**
     * Finds a code.
     *
     * @param code what the error begins with; empty if that is no code
     * @param said all of the error
     * @return the code
     */
    static ErrorCode of(String code, String said) {
        for (ErrorCode each : values()) {
            if (each != ERR && each.name().equals(code)) {
                return each;
            }
        }
        // Some errors of commands in a script come without any code.
        return ofWords(said, code.equals("ERR") ? ERR : UNKNOWN);
    }

    private static ErrorCode ofWords(String said, ErrorCode otherwise) {
        // In the words of Redis 6 and later, and of those before it, which some services still say.
        if (said.contains("without any password configured") || said.contains("but no password is set")) {
            return ERR_NO_PASSWORD_SET;
        }
        // A command inside a script that the user may not run; in the words of Redis up to 7.0, and of those after it.
        if (said.contains("The user executing the script can't") || said.contains("ACL failure in script")) {
            return ERR_NOT_PERMITTED_IN_SCRIPT;
        }
        if (said.contains("max number of clients")) {
            return ERR_MAXIMUM_OF_CLIENTS;
        }
        if (said.contains("attempted to access a non local key")) {
            return ERR_NOT_LOCAL;
        }
        // "unknown command 'X', with args ..."; inside a script "Unknown Redis command called from script", or without
        // "Redis".
        return UNKNOWN_COMMAND.matcher(said).find() ? ERR_UNKNOWN_COMMAND : otherwise;
    }

    private static final class Advice {
        static final String CREDENTIALS = "check the user name and password";
        static final String RIGHTS = "docs/operations.md lists the commands, keys and channels that the user needs";
        static final String WRONG_TYPE =
                "the key or one of its companions holds something that is not a lock; remove it or use another key prefix";
        static final String CLUSTER = "it belongs to a Redis Cluster, which needs a cluster client";
        static final String LOG = "see its log";
    }
}
