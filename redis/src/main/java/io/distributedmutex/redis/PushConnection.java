package io.distributedmutex.redis;

import java.util.concurrent.CompletionStage;

/** A connection on which one node of a cluster pushes grants and messages. Thread-safe. */
interface PushConnection {

    /** What hears of it. Called on the client's threads; must not block. */
    interface Listener {

        /** Something was published on a channel. */
        void received(String channel, String message);

        /** The server has confirmed a subscription. */
        void subscribed(String channel);

        /** A subscription has ended, whoever wanted that. */
        void unsubscribed(String channel);

        /** The connection has ended. */
        void lost();
    }

    /** Sets what hears of it; once. */
    void listen(Listener listener);

    /** Whether it is there now. */
    boolean isOpen();

    /**
     * Asks for a subscription; that it is there is told to the listener.
     *
     * @param channel the channel
     * @param isSharded whether the channel is that of a slot
     * @return completes when the server has answered, with the error if it refused
     */
    CompletionStage<Void> subscribe(String channel, boolean isSharded);

    /** Asks for its end. If that is lost, the connection is too. */
    void unsubscribe(String channel, boolean isSharded);

    /** Ends it; does nothing if it has ended. */
    void end();
}
