package io.distributedmutex.redis.equivalence;

import io.distributedmutex.redis.equivalence.Client.Push;
import io.distributedmutex.redis.equivalence.Fences.Sides;
import io.distributedmutex.redis.equivalence.Step.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A sequence that is done to both sides, which are compared after each step. */
final class Comparison {

    /** What may be found at a key that is no lease of ours; the token in it is never anybody's. */
    private static final List<String> FOREIGN_VALUES = List.of(
            "somebody else's",
            "",
            "|",
            "-",
            "-|",
            "-|0|label",
            "-|x|label",
            "TOKEN",
            "TOKEN|",
            "TOKEN|x|label",
            "TOKEN|0|label",
            "TOKEN|-5|label",
            "TOKEN|17",
            "TOKEN|1234567890123456789|label",
            "token|17|label",
            "\ud83d\udd12");

    /** Whole tens, as time that passes (see {@link Step}). */
    private static final long CLOCK_BACK_UNITS = 10;

    private final List<Step> steps;
    private final RedisSide redis;
    private final Passing passing;
    private final InMemorySide inMemory = new InMemorySide();
    private final Requests requests;
    private final Differences differences;
    private final List<Object> trace = new ArrayList<>();

    private Comparison(List<Step> steps, RedisSide redis, Passing passing) {
        this.steps = steps;
        this.redis = redis;
        this.passing = passing;
        this.requests = new Requests(passing.unitMillis());
        this.differences = new Differences(passing.boundMillis());
    }

    /**
     * How a sequence ended.
     *
     * @param difference in what the sides differ, and what was done and answered until then; null if in nothing
     * @param isTooSlow whether it took so long that times may have ended early, and nothing follows from it
     * @param pushes how many grants were pushed
     */
    record Outcome(@Nullable String difference, boolean isTooSlow, int pushes) {}

    /** Two answers to a request, to be put into words if they are ever needed. */
    private record Answered(StoreRequest request, Object inMemory, Object redis) {
        @Override
        public String toString() {
            return request + " -> " + inMemory + (inMemory.equals(redis) ? "" : ", in Redis " + redis);
        }
    }

    static Outcome of(List<Step> steps, RedisSide redis, Passing passing) {
        redis.begin(passing);
        return new Comparison(steps, redis, passing).compare();
    }

    private Outcome compare() {
        int pushes = 0;
        Sides before = contents();
        for (Step step : steps) {
            String difference = null;
            if (step.kind() == Kind.PASS) {
                trace.add(step);
                disturb(step, inMemory);
                disturb(step, redis);
                // Not looked at in Redis, for that would delete what the scripts shall find expired.
                before = new Sides(inMemory.contents(), before.redis());
            } else {
                StoreRequest request = step.isRequest() ? requests.of(step, before.inMemory()) : null;
                Answered answered = request == null ? null : ask(request);
                if (!step.isRequest()) {
                    trace.add(step);
                    disturb(step, inMemory);
                    disturb(step, redis);
                }
                List<List<Push>> pushed = takePushes();
                pushes += pushed.stream().mapToInt(List::size).sum();
                Sides after = contents();
                difference = difference(answered, pushed, before, after);
                before = after;
            }
            boolean isTooSlow = redis.lagMillis() > passing.boundMillis();
            if (isTooSlow || difference != null) {
                return new Outcome(isTooSlow ? null : told(difference), isTooSlow, pushes);
            }
        }
        String difference = ofUnexpectedPushes();
        return new Outcome(difference == null ? null : told(difference), false, pushes);
    }

    private Answered ask(StoreRequest request) {
        Answered answered = new Answered(request, request.askOn(inMemory), request.askOn(redis));
        trace.add(answered);
        return answered;
    }

    /** What is done behind the clients' backs. */
    private void disturb(Step step, Side side) {
        String key = SequencePlan.KEYS.get(step.key());
        switch (step.kind()) {
            case PASS -> side.pass(step.units() * passing.unitMillis());
            case DELETE -> side.delete(key);
            case FLUSH_ALL -> {
                side.flushAll();
                differences.lost();
            }
            case FLUSH_SCRIPTS -> side.flushScripts();
            case PUT_FOREIGN -> {
                String value = FOREIGN_VALUES
                        .get(step.pick() % FOREIGN_VALUES.size())
                        .replace("TOKEN", Requests.newToken(step.pick()));
                side.putForeign(key, value, step.extreme() ? -1 : step.units() * passing.unitMillis());
            }
            case CLOCK_BACK -> {
                side.setClockBack(CLOCK_BACK_UNITS * passing.unitMillis());
                differences.clockSetBack();
            }
            case PUT_WRONG_TYPE -> side.putWrongType(key, step.extreme());
            case UNSUBSCRIBE -> side.unsubscribe(step.client());
            case SUBSCRIBE -> side.subscribe(step.client());
            case CLOSE -> side.close(step.client());
            default -> throw new IllegalArgumentException("a request: " + step);
        }
    }

    private @Nullable String difference(
            @Nullable Answered answered, List<List<Push>> pushed, Sides before, Sides after) {
        String difference = null;
        if (answered != null) {
            String key = answered.request().key();
            difference = differences.ofAnswers(key, answered.inMemory(), answered.redis(), before, after);
            difference = difference == null ? null : "answers (" + difference + "): " + answered;
        }
        for (int client = 0; client < SequencePlan.CLIENTS && difference == null; client++) {
            difference = differences.ofPushes(
                    client, pushed.get(client), redis.client(client).takePushes());
            if (inMemory.client(client).reconnections() != redis.client(client).reconnections()) {
                difference = "how often client " + client + " was told that it is connected again";
            }
        }
        if (answered != null && difference == null) {
            difference = differences.ofCounters(answered.request(), before, after);
        }
        return difference != null ? difference : differences.ofContents(after);
    }

    /** The pushes in memory; returns when as many may be expected in Redis. */
    private List<List<Push>> takePushes() {
        List<List<Push>> pushed = new ArrayList<>();
        for (int client = 0; client < SequencePlan.CLIENTS; client++) {
            List<Push> pushes = inMemory.client(client).takePushes();
            pushed.add(pushes);
            if (!pushes.isEmpty()) {
                redis.awaitPushes(client);
            }
        }
        return pushed;
    }

    private @Nullable String ofUnexpectedPushes() {
        String difference = null;
        for (int client = 0; client < SequencePlan.CLIENTS && difference == null; client++) {
            redis.awaitPushes(client);
            difference =
                    differences.ofPushes(client, List.of(), redis.client(client).takePushes());
        }
        return difference;
    }

    private Sides contents() {
        return new Sides(inMemory.contents(), redis.contents());
    }

    private String told(String difference) {
        return "different " + difference + "\nwhat was done until then:\n  "
                + trace.stream().map(Object::toString).collect(Collectors.joining("\n  "));
    }
}
