package io.distributedmutex.redis.live;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockOptions;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** The instances of one test on one deployment, strangers to each other; closed together. */
public final class Instances implements AutoCloseable {

    private final String uri;
    private final List<DistributedMutex> all = new ArrayList<>();

    /** No instance yet. */
    public Instances(EmbeddedRedis redis) {
        this(redis.uri());
    }

    /** No instance yet, of a server, of what Sentinels name, or of a cluster. */
    public Instances(String uri) {
        this.uri = uri;
    }

    /** One more, with all defaults. */
    public DistributedMutex add(String label) {
        return add(label, LockOptions.defaults());
    }

    /** One more, with options. */
    public DistributedMutex add(String label, LockOptions options) {
        return add(builder -> builder.holderLabel(label).options(options));
    }

    /** One more, with whatever is set on its builder. */
    public DistributedMutex add(UnaryOperator<RedisMutex.Builder> change) {
        DistributedMutex mutex = change.apply(RedisMutex.builder().uri(uri)).connect();
        all.add(mutex);
        return mutex;
    }

    /** So many more, labelled by their number from 0 on. */
    public List<DistributedMutex> add(int count, LockOptions options) {
        List<DistributedMutex> added = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            added.add(add(Integer.toString(i), options));
        }
        return added;
    }

    @Override
    public void close() {
        all.forEach(DistributedMutex::close);
    }
}
