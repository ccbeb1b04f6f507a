package io.distributedmutex.internal;

import io.distributedmutex.HolderStatus;
import io.distributedmutex.StoreException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Asks the instance that holds a key what its holder itself waits for, and answers such questions: for people who look for
 * what keeps a key taken. A question has a random name, and an answer is to it or dropped. Both are bounded in length and number,
 * since anybody may have sent them. Thread-safe.
 */
final class HolderQuestions {

    /** An instance that gets the question answers in a round trip; one that is stopped does not. */
    static final long PATIENCE_NANOS = 1_000_000_000L;

    /** So many questions are answered in each second. */
    private static final int ANSWERS_PER_SECOND = 50;

    private static final int MOST_WAITS = 16;

    private static final String QUESTION = "asks1|";
    private static final String ANSWER = "says1|";

    private final Instance instance;
    private final Map<String, KeyQueue> queues;
    private final DeadlockDetector deadlocks;
    private final Map<String, CompletableFuture<HolderStatus>> open = new ConcurrentHashMap<>();
    private final Budget answering = new Budget(ANSWERS_PER_SECOND);

    /** Nothing is asked yet. */
    HolderQuestions(Instance instance, Map<String, KeyQueue> queues, DeadlockDetector deadlocks) {
        this.instance = instance;
        this.queues = queues;
        this.deadlocks = deadlocks;
    }

    /**
     * Asks, and waits for {@link #PATIENCE_NANOS} at most. Empty if nobody holds the key who understands, or answers in time.
     *
     * @throws StoreException if the store could not be asked
     */
    Optional<HolderStatus> ask(String key) {
        String name = instance.newName();
        StringBuilder question = new StringBuilder(QUESTION);
        Fields.append(question, name);
        Fields.append(question, Token.half(instance.id));
        Fields.append(question, key);
        CompletableFuture<HolderStatus> answer = new CompletableFuture<>();
        open.put(name, answer);
        try {
            boolean received = instance.store.askAndWait(store -> store.sendToHolder(key, question.toString()));
            return received ? Optional.ofNullable(instance.store.await(answer, PATIENCE_NANOS)) : Optional.empty();
        } finally {
            open.remove(name);
        }
    }

    /** A message has come, from whomever. Returns whether it was for here. */
    boolean received(String text) {
        try {
            if (text.startsWith(QUESTION)) {
                asked(new Fields.Reader(QUESTION, text));
            } else if (text.startsWith(ANSWER)) {
                answered(new Fields.Reader(ANSWER, text));
            } else {
                return false;
            }
        } catch (IllegalArgumentException e) {
            Log.quietly(
                    () -> Log.LOGGER.debug("dropped a message of {} characters: {}", text.length(), e.getMessage()));
        }
        return true;
    }

    private void asked(Fields.Reader question) {
        String name = question.half();
        String from = question.half();
        String key = question.field(Fields.MAXIMUM_KEY);
        question.end();
        KeyQueue queue = queues.get(key);
        LeaseHandle lease = queue == null ? null : queue.validLease();
        if (lease == null || !deadlocks.isWatching() || !answering.allows(instance.now())) {
            return;
        }
        String answer = answer(name, lease, lease.owner());
        instance.store.ask(store -> store.send(from, answer), (received, error) -> {});
    }

    private String answer(String name, LeaseHandle lease, @Nullable Object owner) {
        StringBuilder text = new StringBuilder(ANSWER);
        Fields.append(text, name);
        Fields.append(text, owner == null ? "" : Fields.name(LeaseHandle.nameOf(owner)));
        Fields.append(text, Math.max(0, instance.now() - lease.grantedNanos()) / 1_000_000);
        List<HolderStatus.Wait> waits = owner == null ? List.of() : deadlocks.waitsOf(owner);
        List<HolderStatus.Wait> told = waits.subList(0, Math.min(waits.size(), MOST_WAITS));
        Fields.append(text, told.size());
        for (HolderStatus.Wait wait : told) {
            Fields.append(text, wait.key());
            Fields.append(text, wait.waited().toMillis());
        }
        return text.toString();
    }

    private void answered(Fields.Reader answer) {
        CompletableFuture<HolderStatus> asked = open.get(answer.half());
        String owner = answer.field(Fields.MAXIMUM_NAME);
        Duration heldFor = Duration.ofMillis(answer.number(Long.MAX_VALUE));
        int count = (int) answer.number(MOST_WAITS);
        List<HolderStatus.Wait> waits = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String key = answer.field(Fields.MAXIMUM_KEY);
            waits.add(new HolderStatus.Wait(key, Duration.ofMillis(answer.number(Long.MAX_VALUE))));
        }
        answer.end();
        if (asked != null) {
            asked.complete(new HolderStatus(owner.isEmpty() ? Optional.empty() : Optional.of(owner), heldFor, waits));
        }
    }
}
