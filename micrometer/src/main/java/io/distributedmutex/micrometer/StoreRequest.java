package io.distributedmutex.micrometer;

import java.util.Locale;

/** What may be asked of a store: one value for each of its operations. */
enum StoreRequest {
    ACQUIRE,
    RELEASE,
    CANCEL,
    RENEW,
    INSPECT,
    FORCE_RELEASE;

    /** The tag's value. */
    final String value = name().toLowerCase(Locale.ROOT);
}
