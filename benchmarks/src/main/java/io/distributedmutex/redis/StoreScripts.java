package io.distributedmutex.redis;

import java.nio.charset.StandardCharsets;

/** The store's own scripts, for those who send them by hand. In the store's package, as nobody else needs them. */
public final class StoreScripts {

    private StoreScripts() {}

    /** The text of acquire.lua with all that it includes. */
    public static String acquire() {
        return new String(Script.ACQUIRE.text(), StandardCharsets.UTF_8);
    }

    /** The text of release.lua with all that it includes. */
    public static String release() {
        return new String(Script.RELEASE.text(), StandardCharsets.UTF_8);
    }
}
