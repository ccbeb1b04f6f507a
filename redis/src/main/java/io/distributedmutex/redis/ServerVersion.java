package io.distributedmutex.redis;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The version of Redis that a server says to be compatible with.
 *
 * @param major the first number
 * @param minor the second number
 * @param text all of it
 */
record ServerVersion(int major, int minor, String text) {

    private static final Pattern REDIS_VERSION =
            Pattern.compile("(?m)^redis_version:((\\d{1,4})\\.(\\d{1,4})[\\w.-]{0,40})");

    /**
     * Reads the server section of INFO. Valkey and others say which Redis they resemble in the same place.
     *
     * @param info the section
     * @return the version, or null if it is not there
     */
    static @Nullable ServerVersion parse(String info) {
        Matcher matcher = REDIS_VERSION.matcher(info);
        return matcher.find()
                ? new ServerVersion(
                        Integer.parseInt(matcher.group(2)), Integer.parseInt(matcher.group(3)), matcher.group(1))
                : null;
    }

    boolean isOlderThan(int otherMajor, int otherMinor) {
        return major < otherMajor || (major == otherMajor && minor < otherMinor);
    }
}
