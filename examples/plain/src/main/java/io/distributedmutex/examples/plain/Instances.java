package io.distributedmutex.examples.plain;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisMutex;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;

/** Stands for several processes of an application: each instance has a mutex of its own, as each process would. */
final class Instances {

    private static final int COUNT = 3;

    private Instances() {}

    /** Does the same in all instances at once, on a given Redis or on one that is started for it. */
    static void run(String[] arguments, Consumer<DistributedMutex> work)
            throws InterruptedException, ExecutionException {
        if (arguments.length > 0) {
            runOn(arguments[0], work);
        } else {
            try (EmbeddedRedis redis = EmbeddedRedis.start()) {
                runOn(redis.uri(), work);
            }
        }
    }

    private static void runOn(String uri, Consumer<DistributedMutex> work)
            throws InterruptedException, ExecutionException {
        List<FutureTask<Boolean>> instances = new ArrayList<>();
        for (int i = 1; i <= COUNT; i++) {
            String label = "instance-" + i;
            FutureTask<Boolean> instance = new FutureTask<>(
                    () -> {
                        try (DistributedMutex mutex =
                                RedisMutex.builder().uri(uri).holderLabel(label).connect()) {
                            work.accept(mutex);
                        }
                    },
                    true);
            new Thread(instance, label).start();
            instances.add(instance);
        }
        for (FutureTask<Boolean> instance : instances) {
            instance.get();
        }
    }
}
