package io.distributedmutex.micrometer;

import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreUnreachableException;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The timers of requests to stores. All of them are registered at once, so that each shows zero before its first request. */
final class StoreTimers {

    /** What came of a request. */
    private enum Answer {
        ANSWERED,
        UNREACHABLE,
        REFUSED,
        FAILED;

        private static Answer of(@Nullable Throwable failure) {
            if (failure == null) {
                return ANSWERED;
            }
            if (failure instanceof StoreUnreachableException) {
                return UNREACHABLE;
            }
            // What is neither is an error in the store or in the process, such as a lack of memory.
            return failure instanceof StoreRefusedException ? REFUSED : FAILED;
        }
    }

    private final Clock clock;
    private final Map<StoreRequest, Map<Answer, Timer>> timers = new EnumMap<>(StoreRequest.class);

    /**
     * Registers them.
     *
     * @param registered is told of each
     */
    StoreTimers(MeterRegistry registry, Tags tags, Consumer<Meter> registered) {
        clock = registry.config().clock();
        for (StoreRequest request : StoreRequest.values()) {
            Map<Answer, Timer> ofRequest = new EnumMap<>(Answer.class);
            for (Answer answer : Answer.values()) {
                Timer timer = Timer.builder(MeterNames.STORE_REQUESTS)
                        .description(
                                "How long the store took to answer a request, by what was asked and what came of it")
                        .tags(tags.and(
                                MeterNames.OPERATION_TAG,
                                request.value,
                                MeterNames.OUTCOME_TAG,
                                answer.name().toLowerCase(Locale.ROOT)))
                        .register(registry);
                registered.accept(timer);
                ofRequest.put(answer, timer);
            }
            timers.put(request, ofRequest);
        }
    }

    /** When a request begins, for {@link #record}. */
    long now() {
        return clock.monotonicTime();
    }

    /** A request that began then has its answer, or has failed. */
    void record(StoreRequest request, long begin, @Nullable Throwable failure) {
        Map<Answer, Timer> ofRequest = Objects.requireNonNull(timers.get(request));
        Objects.requireNonNull(ofRequest.get(Answer.of(failure)))
                .record(clock.monotonicTime() - begin, TimeUnit.NANOSECONDS);
    }
}
