package io.distributedmutex.redis;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.util.concurrent.CompletionStage;

/** A connection for pushes by Lettuce. */
final class LettucePushes implements PushConnection {

    private final StatefulRedisPubSubConnection<String, String> connection;

    LettucePushes(StatefulRedisPubSubConnection<String, String> connection) {
        this.connection = connection;
    }

    @Override
    public void listen(Listener listener) {
        connection.addListener(new Incoming(listener));
        connection.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> channel) {
                listener.lost();
            }
        });
    }

    @Override
    public boolean isOpen() {
        return connection.isOpen();
    }

    @Override
    public CompletionStage<Void> subscribe(String channel, boolean isSharded) {
        return isSharded
                ? connection.async().ssubscribe(channel)
                : connection.async().subscribe(channel);
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // If that is lost, the connection is too.
    public void unsubscribe(String channel, boolean isSharded) {
        if (isSharded) {
            connection.async().sunsubscribe(channel);
        } else {
            connection.async().unsubscribe(channel);
        }
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // Nobody needs it, and the client's end ends it too.
    public void end() {
        // Lettuce warns of a second close.
        if (!Connections.isClosed(connection)) {
            connection.closeAsync();
        }
    }

    private static final class Incoming extends RedisPubSubAdapter<String, String> {

        private final Listener listener;

        Incoming(Listener listener) {
            this.listener = listener;
        }

        @Override
        public void message(String from, String message) {
            listener.received(from, message);
        }

        @Override
        public void smessage(String from, String message) {
            listener.received(from, message);
        }

        @Override
        public void subscribed(String to, long count) {
            listener.subscribed(to);
        }

        @Override
        public void ssubscribed(String to, long count) {
            listener.subscribed(to);
        }

        @Override
        public void unsubscribed(String from, long count) {
            listener.unsubscribed(from);
        }

        @Override
        public void sunsubscribed(String from, long count) {
            listener.unsubscribed(from);
        }
    }
}
