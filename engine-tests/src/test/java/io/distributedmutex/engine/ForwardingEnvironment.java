package io.distributedmutex.engine;

import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.Timer;

/** An environment that passes all on to another; what differs is overridden. */
abstract class ForwardingEnvironment implements Environment {

    final Environment own;

    ForwardingEnvironment(Environment own) {
        this.own = own;
    }

    @Override
    public long nanoTime() {
        return own.nanoTime();
    }

    @Override
    public long epochMillis() {
        return own.epochMillis();
    }

    @Override
    public void schedule(Timer timer, long atNanos) {
        own.schedule(timer, atNanos);
    }

    @Override
    public void cancel(Timer timer) {
        own.cancel(timer);
    }

    @Override
    public void execute(Runnable callback) {
        own.execute(callback);
    }

    @Override
    public void park(Object blocker, long nanos) {
        own.park(blocker, nanos);
    }

    @Override
    public void randomBytes(byte[] target) {
        own.randomBytes(target);
    }

    @Override
    public void close() {
        own.close();
    }
}
