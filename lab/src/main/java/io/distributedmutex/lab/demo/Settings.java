package io.distributedmutex.lab.demo;

/**
 * What the user wants to see.
 *
 * @param seconds how long the workers work
 * @param workers how many there are at a time
 * @param seed decides which worker is killed, and all pauses
 * @param withoutLock whether the workers work without locks, to see the checks fail
 */
record Settings(int seconds, int workers, long seed, boolean withoutLock) {}
