package io.distributedmutex.lab;

import io.distributedmutex.StoreUnreachableException;
import io.distributedmutex.cli.console.ThrowAwayServer;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisException;

/** The testkit's Redis, for {@code --embedded}. */
public final class EmbeddedServer implements ThrowAwayServer {

    /** Made by the service loader. */
    public EmbeddedServer() {}

    @Override
    public Running start() {
        try {
            return new Embedded(EmbeddedRedis.start());
        } catch (EmbeddedRedisException e) {
            throw new StoreUnreachableException(String.valueOf(e.getMessage()), e);
        }
    }

    private record Embedded(EmbeddedRedis redis) implements Running {

        @Override
        public String uri() {
            return redis.uri();
        }

        @Override
        public boolean isAlive() {
            return redis.isAlive();
        }

        @Override
        public void close() {
            redis.close();
        }

        @Override
        public String toString() {
            return redis.toString();
        }
    }
}
