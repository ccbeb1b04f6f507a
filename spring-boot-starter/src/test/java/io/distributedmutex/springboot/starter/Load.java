package io.distributedmutex.springboot.starter;

import io.distributedmutex.testing.Await;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Clients of one process, each with one request after the other, and what became of each request. */
final class Load implements AutoCloseable {

    private final ApplicationProcess process;
    private final List<Thread> clients = new ArrayList<>();
    private final Set<String> answered = ConcurrentHashMap.newKeySet();
    private final Map<String, Integer> refused = new ConcurrentHashMap<>();
    private final Set<String> unanswered = ConcurrentHashMap.newKeySet();
    private volatile boolean stopped;

    private Load(ApplicationProcess process) {
        this.process = process;
    }

    /**
     * Begins.
     *
     * @param path where to post, before the id of the request
     */
    static Load on(ApplicationProcess process, String path, int clients, int thinkMillis) {
        Load load = new Load(process);
        for (int i = 0; i < clients; i++) {
            String client = process.name() + "-" + i;
            Thread thread = new Thread(() -> load.run(path, client, thinkMillis), client);
            thread.start();
            load.clients.add(thread);
        }
        return load;
    }

    private void run(String path, String client, int thinkMillis) {
        for (int i = 0; !stopped; i++) {
            String id = client + "-" + i;
            try {
                int status = process.post(path + "/" + id + "?thinkMillis=" + thinkMillis);
                if (status == 200) {
                    answered.add(id);
                } else {
                    refused.put(id, status);
                }
            } catch (IOException e) {
                unanswered.add(id);
                Await.pass(Duration.ofMillis(20)); // The process may have ended: no need to ask it as fast as one can.
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    void awaitMore(int requests) {
        int goal = answered.size() + requests;
        Await.until(
                () -> goal + " answers by " + process.name() + ", but there are " + answered.size() + ", refused "
                        + refused + ", without an answer " + unanswered.size() + "; its log: " + process.log(),
                () -> answered.size() >= goal);
    }

    /** The ids of the requests that were answered with 200. */
    Set<String> answered() {
        return answered;
    }

    /** The ids of the requests that were answered with another status. */
    Map<String, Integer> refused() {
        return refused;
    }

    /** The ids of the requests whose connection ended. */
    Set<String> unanswered() {
        return unanswered;
    }

    /** Ends when each client has its last answer. */
    @Override
    public void close() throws InterruptedException {
        stopped = true;
        for (Thread client : clients) {
            client.join();
        }
    }
}
