package io.distributedmutex.examples.plain;

import io.distributedmutex.Lease;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;

/**
 * Every message is delivered to all instances, as some queues do when an answer is late; each is processed once. Whoever finds the
 * key taken goes on with the next message: somebody is at it.
 */
public final class NoDuplicateProcessing {

    private static final int ORDERS = 20;

    /** Stands for the table of what was processed, which all instances share. */
    private final Set<Integer> done = ConcurrentHashMap.newKeySet();

    private final ConcurrentLinkedQueue<Integer> charged = new ConcurrentLinkedQueue<>();

    /** Takes a Redis URI, or nothing to start a Redis for it. */
    public static void main(String[] arguments) throws InterruptedException, ExecutionException {
        List<Integer> charged = new NoDuplicateProcessing().run(arguments);
        System.out.println(charged.size() + " orders were charged, each once: " + charged);
    }

    List<Integer> run(String[] arguments) throws InterruptedException, ExecutionException {
        Instances.run(arguments, mutex -> {
            for (int order = 1; order <= ORDERS; order++) {
                Optional<Lease> lease = mutex.tryAcquire("order:" + order);
                if (lease.isPresent()) {
                    try (Lease held = lease.get()) {
                        process(order);
                    }
                }
            }
        });
        return List.copyOf(charged);
    }

    /** Under the lock: looks first, since another instance may have processed it before this one got the lock. */
    private void process(int order) {
        if (!done.contains(order)) {
            charged.add(order);
            done.add(order);
        }
    }
}
