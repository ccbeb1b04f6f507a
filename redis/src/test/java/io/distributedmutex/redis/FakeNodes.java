package io.distributedmutex.redis;

import io.lettuce.core.RedisURI;
import java.util.concurrent.CompletionStage;

/** What tests of a cluster's nodes put in the place of sockets and threads; time stands still. */
final class FakeNodes {

    private FakeNodes() {}

    /** Makes connections for commands alone. */
    abstract static class Client implements NodeClient {

        @Override
        public RedisURI uriOf(NodeAddress address) {
            return RedisURI.create(address.host(), address.port());
        }

        @Override
        public CompletionStage<PushConnection> connectPushes(NodeAddress address) {
            throw new UnsupportedOperationException("nobody waits");
        }

        @Override
        public long nanoTime() {
            return 0;
        }

        @Override
        public void close() {}
    }

    /** A connection that is never lost. */
    abstract static class Connection implements NodeConnection {

        @Override
        public RedisErrors errors() {
            throw new UnsupportedOperationException("the node has its own");
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void onReconnect(Runnable listener) {}

        @Override
        public void drop() {}

        @Override
        public void close() {}
    }
}
