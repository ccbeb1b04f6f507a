package io.distributedmutex.micrometer;

import io.distributedmutex.spi.Messages;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A function from keys to the few names by which meters tell them apart. A key itself must not be a tag: each new value makes
 * new meters, which stay in memory and are sent to the monitoring system for ever.
 *
 * <p>The function may give any name; {@value #MOST} are taken besides those that are expected. Every further one becomes
 * {@value #OTHER}, and a WARN line says so once. So a function that gives too many names, such as the key, does no harm.
 *
 * <p>Thread-safe. Share one among the {@link MutexMetrics} and {@link ObservedMutex} of an application, so that they agree.
 */
public final class KeyNames {

    /** The name of a key that has none: the word that Micrometer itself uses for a missing value. */
    public static final String NONE = "none";

    /** The name that stands for all beyond the bound. */
    public static final String OTHER = "other";

    /** How many names are taken besides those that are expected: 100. */
    public static final int MOST = 100;

    /** The longest name, in characters: 128. */
    public static final int MAXIMUM_LENGTH = 128;

    private static final Logger LOGGER = LoggerFactory.getLogger("io.distributedmutex");

    private final Function<? super String, ? extends @Nullable String> nameOf;
    private final List<String> expected;

    /** All names that were given; grows up to the bound and never shrinks. Added to under its own monitor. */
    private final Set<String> taken = ConcurrentHashMap.newKeySet();

    private final AtomicBoolean warnedOfTooMany = new AtomicBoolean();
    private final AtomicBoolean warnedOfBad = new AtomicBoolean();

    private KeyNames(Function<? super String, ? extends @Nullable String> nameOf, List<String> expected) {
        this.nameOf = nameOf;
        this.expected = expected;
        taken.addAll(expected);
    }

    /**
     * No names: all keys count together, as {@value #NONE}.
     *
     * @return names that are always {@value #NONE}
     */
    public static KeyNames none() {
        return new KeyNames(key -> null, List.of());
    }

    /**
     * Names by a function.
     *
     * @param nameOf gives the name of a key: 1 to 128 characters. Null or blank means {@value #NONE}. If it throws or gives a
     *     longer name, that counts as {@value #NONE} too, and a WARN line says so once. It is called for every event, by several
     *     threads, and must be quick
     * @param expected the names that are known beforehand: their meters exist from the start, so that dashboards show zeros.
     *     They do not count towards the bound
     * @return the names
     * @throws IllegalArgumentException if an expected name is blank, too long, or there twice
     */
    public static KeyNames by(Function<? super String, ? extends @Nullable String> nameOf, String... expected) {
        Objects.requireNonNull(nameOf, "nameOf");
        List<String> names = List.of(expected);
        for (String name : names) {
            if (name.isBlank() || name.length() > MAXIMUM_LENGTH) {
                throw new IllegalArgumentException("an expected name must have 1 to " + MAXIMUM_LENGTH
                        + " characters that are not all blank, but '" + Messages.shown(name) + "' has "
                        + name.length());
            }
        }
        if (new HashSet<>(names).size() < names.size()) {
            throw new IllegalArgumentException("an expected name is there twice: " + names);
        }
        return new KeyNames(nameOf, names);
    }

    /**
     * Names by the beginnings of keys: the name of {@code tenant:123:settings} before {@code ':'} is {@code tenant}.
     *
     * @param separator what ends the name; a key without it has the name {@value #NONE}
     * @param expected as in {@link #by}
     * @return the names
     * @throws IllegalArgumentException as {@link #by}
     */
    public static KeyNames before(char separator, String... expected) {
        return by(
                key -> {
                    int end = key.indexOf(separator);
                    return end < 0 ? null : key.substring(0, end);
                },
                expected);
    }

    /** The names that are known beforehand. */
    List<String> expected() {
        return expected;
    }

    /** The name of a key. Throws nothing, whatever the function does, but its {@link Error}s. */
    String of(String key) {
        String name;
        try {
            name = nameOf.apply(key);
        } catch (RuntimeException e) {
            warnOfBad(key, "failed", e);
            return NONE;
        }
        if (name == null || name.isBlank()) {
            return NONE;
        }
        if (name.length() > MAXIMUM_LENGTH) {
            warnOfBad(key, "gave a name of " + name.length() + " characters, more than " + MAXIMUM_LENGTH, null);
            return NONE;
        }
        return taken.contains(name) || take(name) ? name : OTHER;
    }

    private boolean take(String name) {
        synchronized (taken) {
            if (taken.contains(name)) {
                return true;
            }
            if (taken.size() < MOST + expected.size()) {
                return taken.add(name);
            }
        }
        if (warnedOfTooMany.compareAndSet(false, true)) {
            LOGGER.warn(
                    "the function from keys to names gave more than {} names: '{}' and all further ones count as '{}';"
                            + " it should give a few names, not one for each key",
                    MOST,
                    Messages.shown(name),
                    OTHER);
        }
        return false;
    }

    private void warnOfBad(String key, String what, @Nullable RuntimeException cause) {
        if (warnedOfBad.compareAndSet(false, true)) {
            LOGGER.warn(
                    "the function from keys to names {} for '{}', which counts as '{}', as does any other such key",
                    what,
                    Messages.shown(key),
                    NONE,
                    cause);
        }
    }
}
