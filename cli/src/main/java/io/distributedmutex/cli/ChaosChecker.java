package io.distributedmutex.cli;

import java.util.List;

/**
 * Looks for what must not have happened in a chaos run. It believes nothing but what was told and what the register has
 * logged, knows nothing of locks, and does nothing but compute.
 */
final class ChaosChecker {

    private ChaosChecker() {}

    static Verdict<ChaosCheck> check(ChaosHistory history, ChaosRecord record) {
        ChaosTimes times = new ChaosTimes(history, record.originNanos());
        ChaosLeaseChecks leases = new ChaosLeaseChecks(history, times);
        ChaosCallChecks calls = new ChaosCallChecks(history, times, record);
        ChaosServiceChecks service = new ChaosServiceChecks(history, times, record.originNanos());
        return new Verdict<>(List.of(
                leases.exclusion(),
                leases.tokens(),
                new ChaosRegisterChecks(history, times, record).fencing(),
                leases.told(),
                calls.outcomes(),
                new ChaosOrderCheck(history, times, record.originNanos()).order(),
                service.service(),
                calls.end()));
    }
}
