package io.distributedmutex.cli.console;

import io.distributedmutex.spi.Checks;
import io.distributedmutex.spi.Messages;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Checks of what stands on the command line. */
public final class Arguments {

    /** What Java makes of bytes that the locale's character set does not have. */
    private static final char REPLACEMENT = '\uFFFD';

    private Arguments() {}

    /** What picocli has injected. */
    public static CommandSpec present(@Nullable CommandSpec injected) {
        return Objects.requireNonNull(injected, "picocli injects it");
    }

    /** Refuses a duration out of its bounds. */
    public static void checkBounds(CommandSpec spec, String option, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            throw new ParameterException(
                    spec.commandLine(),
                    option + " must be from " + Durations.format(least) + " to " + Durations.format(most) + ", but is "
                            + Durations.format(value));
        }
    }

    /** Refuses a number out of its bounds. */
    public static void checkRange(CommandSpec spec, String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(), option + " must be from " + least + " to " + most + ", but is " + value);
        }
    }

    /** Refuses what is no key, before Redis is asked. */
    public static void checkKey(CommandSpec spec, String key) {
        if (key.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "the key must not be empty");
        }
        if (key.length() > Checks.MAXIMUM_KEY_LENGTH) {
            throw new ParameterException(
                    spec.commandLine(),
                    "the key must have at most " + Checks.MAXIMUM_KEY_LENGTH + " characters, but has " + key.length());
        }
        checkReadable(spec, "the key", key);
    }

    /**
     * Refuses a text that did not survive its way here: where the locale is "C", as in many containers, Java reads all
     * letters beyond ASCII as the same one, so that different keys would be the same lock.
     */
    public static void checkReadable(CommandSpec spec, String what, String text) {
        if (text.indexOf(REPLACEMENT) >= 0) {
            throw new ParameterException(
                    spec.commandLine(),
                    what + " '" + Messages.shown(text)
                            + "' has letters that are lost in this locale; set LC_ALL=C.UTF-8");
        }
    }
}
