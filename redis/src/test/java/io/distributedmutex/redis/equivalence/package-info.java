/**
 * The in-memory store and the Redis store's scripts held together: random sequences of operations done to both, which must
 * answer, push and end alike after every step; and the proof that such sequences would find a fault in a script:
 * {@link io.distributedmutex.redis.equivalence.ScriptMutantsTest}.
 */
@NullMarked
package io.distributedmutex.redis.equivalence;

import org.jspecify.annotations.NullMarked;
