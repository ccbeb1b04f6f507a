package io.distributedmutex.cli.console;

import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.spi.Messages;
import java.nio.file.FileSystemException;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Reports what went wrong: to people in one line without a password in it, to scripts by the exit code. */
public final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {

    @Override
    public int handleParseException(ParameterException failure, String[] arguments) {
        CommandLine command = failure.getCommandLine();
        String message = failure instanceof UnmatchedArgumentException unmatched
                ? unmatched(unmatched)
                : String.valueOf(failure.getMessage());
        tell(
                command,
                withoutCredentials(message, arguments) + " (see '"
                        + command.getCommandSpec().qualifiedName() + " --help')");
        return ExitCodes.USAGE;
    }

    @Override
    public int handleExecutionException(Exception failure, CommandLine command, ParseResult parsed) {
        tell(command, messageOf(failure));
        boolean verbose = command.getMixins().values().stream()
                .anyMatch(mixin -> mixin instanceof StoreOptions options && options.isVerbose());
        if (verbose) {
            failure.printStackTrace(command.getErr());
        }
        return exitCodeOf(failure);
    }

    private static String unmatched(UnmatchedArgumentException failure) {
        if (failure.isUnknownOption()) {
            String known = failure.getSuggestions().stream()
                    .findFirst()
                    .map(option -> "; did you mean " + option + "?")
                    .orElse("");
            return failure.getMessage() + known;
        }
        return failure.getCommandLine().getParent() == null
                ? "there is no command '" + failure.getUnmatched().get(0) + "'"
                : String.valueOf(failure.getMessage());
    }

    /** Writes one line to standard error. */
    public static void tell(CommandLine command, String message) {
        command.getErr().println("dmutex: " + Messages.shown(withoutPasswords(message)));
        command.getErr().flush();
    }

    static int exitCodeOf(Exception failure) {
        if (failure instanceof StoreUnreachableException) {
            return ExitCodes.UNREACHABLE;
        }
        if (failure instanceof StoreRefusedException) {
            return ExitCodes.REFUSED;
        }
        if (failure instanceof LockNotAcquiredException) {
            return ExitCodes.NOT_ACQUIRED;
        }
        if (failure instanceof LeaseLostException) {
            return ExitCodes.LEASE_LOST;
        }
        // What the library checks: keys, prefixes, URIs, durations.
        return failure instanceof IllegalArgumentException ? ExitCodes.USAGE : ExitCodes.FAILED;
    }

    /** One line that says what went wrong. */
    public static String messageOf(Exception failure) {
        String message = failure.getMessage();
        if (message == null) {
            return failure.getClass().getSimpleName() + " (-v shows where)";
        }
        int lineEnd = message.indexOf('\n');
        String line = lineEnd < 0 ? message : message.substring(0, lineEnd) + " (-v shows more)";
        boolean needsName = failure instanceof FileSystemException; // whose message is the file alone
        return needsName ? failure.getClass().getSimpleName() + ": " + line : line;
    }

    /** The parser quotes what it does not understand, which may be a mistyped --redis and its URI. */
    private static String withoutCredentials(String message, String[] arguments) {
        String shown = message;
        for (String argument : arguments) {
            int end = argument.lastIndexOf('@');
            int colon = argument.indexOf(':');
            if (colon >= 0 && colon < end) {
                // Whole, whatever characters it has: a URI that is none may have blanks in its password.
                String credentials = argument.substring(argument.lastIndexOf('=', colon) + 1, end);
                shown = shown.replace(credentials, "***").replace(Messages.shown(credentials), "***");
            }
        }
        return shown;
    }

    /** The text with whatever stands before an @ in a URI, where passwords are, replaced. */
    static String withoutPasswords(String text) {
        StringBuilder shown = new StringBuilder(text.length());
        int done = 0;
        for (int at = text.indexOf("://"); at >= 0; at = text.indexOf("://", done)) {
            // One pass: a regular expression would look at a long text anew from each of its beginnings.
            int end = at + 3;
            int lastAt = -1;
            while (end < text.length() && "'\"[]".indexOf(text.charAt(end)) < 0 && text.charAt(end) > ' ') {
                lastAt = text.charAt(end) == '@' ? end : lastAt;
                end++;
            }
            shown.append(text, done, at + 3).append(lastAt < 0 ? "" : "***");
            shown.append(text, lastAt < 0 ? at + 3 : lastAt, end);
            done = end;
        }
        return shown.append(text, done, text.length()).toString();
    }
}
