package io.distributedmutex;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What the store knows of a key that is taken, at the moment it was asked.
 *
 * @param key the key as the user gave it
 * @param holder the holder's label; empty if another library wrote the value
 * @param fencingToken the holder's fencing token; empty if another library wrote the value, or if another instance holds the
 *     key and the store does not keep it, since it told that instance alone
 * @param remaining how long until the key frees itself; empty if it has no expiry (only another library does that)
 * @param waiters how many instances wait for the key (each may have many threads waiting)
 */
public record LockInfo(
        String key, Optional<String> holder, OptionalLong fencingToken, Optional<Duration> remaining, int waiters) {}
