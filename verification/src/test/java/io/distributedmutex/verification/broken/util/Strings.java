package io.distributedmutex.verification.broken.util;

/** Lives in a package that is not null-marked and is named util. */
public final class Strings {
    private Strings() {}
}
