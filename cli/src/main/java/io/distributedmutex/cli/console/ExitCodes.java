package io.distributedmutex.cli.console;

/**
 * The exit codes of the tool. {@code dmutex exec} passes on its command's own code. So ours are those of {@code sysexits.h} and
 * of the shell, which commands seldom use.
 */
public final class ExitCodes {

    public static final int OK = 0;
    /** inspect: the key is free. release: there was nothing to release. demo, chaos: a check failed. */
    public static final int NO = 1;
    /** EX_USAGE: the command line is wrong. */
    public static final int USAGE = 64;
    /** EX_UNAVAILABLE: Redis was not reached. */
    static final int UNREACHABLE = 69;
    /** EX_SOFTWARE: anything that has no code of its own. */
    public static final int FAILED = 70;
    /** EX_IOERR: standard output could not be written. */
    public static final int OUTPUT_LOST = 74;
    /** EX_TEMPFAIL: others held the lock for all of the wait time. */
    static final int NOT_ACQUIRED = 75;
    /** EX_PROTOCOL: the lease was lost while the command ran. */
    public static final int LEASE_LOST = 76;
    /** EX_NOPERM: Redis answered, and refused. */
    public static final int REFUSED = 77;
    /** As in a shell: the command is there but cannot be executed. */
    public static final int NOT_EXECUTABLE = 126;
    /** As in a shell: there is no such command. */
    public static final int NOT_FOUND = 127;
    /** As in a shell: ended by Ctrl-C. */
    public static final int INTERRUPTED = 130;
    /** As in a shell: ended by SIGPIPE. */
    public static final int PIPE_CLOSED = 141;

    private ExitCodes() {}
}
