package io.distributedmutex.redis.equivalence;

/**
 * One thing that is done in a sequence, by a client or behind the clients' backs. Which token it is about is decided when its
 * turn comes, by what stands in the store then: so that it is mostly about something, also when steps before it were left
 * out.
 *
 * <p>Times are in units, whose length the {@link Passing} of time decides. They end in 5, and {@link Kind#PASS} passes whole
 * tens, so that no end of anything is ever nearer than 5 units to a step: there is no question who was first.
 *
 * @param kind what is done
 * @param client who does it, or to whom it is done
 * @param key the number of the key
 * @param token whose token is given
 * @param releasing whose token an acquire gives back first; NONE for no one's
 * @param units the lease time, or how long is kept, or how much time passes
 * @param claimUnits the claim time of an acquire that queues
 * @param aliveUnits how long its sign of life counts
 * @param extreme whether the time is none, or without an end
 * @param pick chooses among what there is
 */
record Step(
        Kind kind,
        int client,
        int key,
        Whose token,
        Whose releasing,
        long units,
        long claimUnits,
        long aliveUnits,
        boolean extreme,
        int pick) {

    /** What may be done; first what clients ask for. */
    enum Kind {
        TRY,
        QUEUE,
        RELEASE,
        KEEP,
        CANCEL,
        RENEW,
        INSPECT,
        FORCE_RELEASE,
        /** A request that was made before is made again, as after a lost reply. */
        REPEAT,
        /** Time passes, in which things end. */
        PASS,
        DELETE,
        FLUSH_ALL,
        FLUSH_SCRIPTS,
        /** Another library sets the key, or somebody spoils a value of ours. */
        PUT_FOREIGN,
        PUT_WRONG_TYPE,
        /** The server's clock is set back, so that the fence counters are ahead of it. */
        CLOCK_BACK,
        UNSUBSCRIBE,
        SUBSCRIBE,
        CLOSE
    }

    /** Where a token comes from. */
    enum Whose {
        NONE,
        /** One that was never used. */
        NEW,
        /** The key's owner's, if it has one. */
        OWNER,
        /** That with which the client waits for the key, if it does. */
        WAITING,
        /** Any that was used before, by whomever and for whatever key. */
        USED
    }

    /** Whether a client asks something, which is answered. */
    boolean isRequest() {
        return kind.compareTo(Kind.REPEAT) <= 0;
    }

    @Override
    public String toString() {
        return kind + " client " + client + " key " + key + " token " + token + " releasing " + releasing + " units "
                + units + "/" + claimUnits + "/" + aliveUnits + (extreme ? " extreme" : "") + " pick " + pick;
    }
}
