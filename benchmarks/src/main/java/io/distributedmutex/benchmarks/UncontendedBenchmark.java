package io.distributedmutex.benchmarks;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Lock and unlock, each thread its own key, all through one instance. */
public class UncontendedBenchmark {

    /** One instance for all threads. */
    @State(Scope.Benchmark)
    public static class Instance {

        /** Set by {@link UncontendedCase}. */
        @Param({"ours"})
        public String subject = "ours";

        /** Where Redis is. */
        @Param({""})
        public String uri = "";

        final AtomicInteger threads = new AtomicInteger();
        Locks locks;

        /** Opens it. */
        @Setup(Level.Trial)
        public void open() {
            locks = Subject.of(subject).open(uri);
        }

        /** Closes it. */
        @TearDown(Level.Trial)
        public void close() {
            locks.close();
        }
    }

    /** A key for each thread. */
    @State(Scope.Thread)
    public static class Key {

        String key = "";

        /** Names it. */
        @Setup(Level.Trial)
        public void name(Instance instance) {
            key = "tenant:" + instance.threads.incrementAndGet() + ":settings";
        }
    }

    /** A pair. */
    @Benchmark
    public void pair(Instance instance, Key key) throws InterruptedException {
        instance.locks.lock(key.key).unlock();
    }
}
