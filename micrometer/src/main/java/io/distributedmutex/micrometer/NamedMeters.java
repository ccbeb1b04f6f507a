package io.distributedmutex.micrometer;

import io.distributedmutex.LossReason;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/** The meters of one name. All of them are registered at once, so that each shows zero before its first event. */
final class NamedMeters {

    private final Map<Outcome, Timer> acquires = new EnumMap<>(Outcome.class);
    private final Map<LossReason, Counter> losses = new EnumMap<>(LossReason.class);

    final Timer hold;
    final Counter atRisk;
    final Counter recovered;
    final Counter unconfirmed;
    final Counter forced;

    /**
     * Registers them.
     *
     * @param registered is told of each
     */
    NamedMeters(MeterRegistry registry, Tags common, String name, Consumer<Meter> registered) {
        Tags tags = common.and(MeterNames.NAME_TAG, name);
        for (Outcome outcome : Outcome.values()) {
            acquires.put(
                    outcome,
                    Timer.builder(MeterNames.ACQUIRE)
                            .description("How long callers waited for a lease, by what came of it")
                            .tags(tags.and(MeterNames.OUTCOME_TAG, outcome.value))
                            .register(registry));
        }
        for (LossReason reason : LossReason.values()) {
            losses.put(
                    reason,
                    Counter.builder(MeterNames.LOST)
                            .description("Leases that ended without their holder's will")
                            .tags(tags.and(MeterNames.REASON_TAG, reason.name().toLowerCase(Locale.ROOT)))
                            .register(registry));
        }
        hold = Timer.builder(MeterNames.HOLD)
                .description("How long leases were held that were given back")
                .tags(tags)
                .register(registry);
        atRisk = counter(registry, tags, MeterNames.AT_RISK, "Leases whose renewal began to fail");
        recovered = counter(registry, tags, MeterNames.RECOVERED, "Leases at risk that were renewed again");
        unconfirmed = counter(
                registry,
                tags,
                MeterNames.UNCONFIRMED,
                "Releases that the store did not confirm until the lease's end");
        forced = counter(registry, tags, MeterNames.FORCED, "Keys that this instance took from their holders by force");

        acquires.values().forEach(registered);
        losses.values().forEach(registered);
        registered.accept(hold);
        registered.accept(atRisk);
        registered.accept(recovered);
        registered.accept(unconfirmed);
        registered.accept(forced);
    }

    Timer acquire(Outcome outcome) {
        return Objects.requireNonNull(acquires.get(outcome));
    }

    Counter lost(LossReason reason) {
        return Objects.requireNonNull(losses.get(reason));
    }

    private static Counter counter(MeterRegistry registry, Tags tags, String name, String description) {
        return Counter.builder(name).description(description).tags(tags).register(registry);
    }
}
