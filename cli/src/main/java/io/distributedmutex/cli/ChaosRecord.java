package io.distributedmutex.cli;

import java.util.List;
import java.util.Map;

/**
 * All that is known of a chaos run.
 *
 * @param settings what was wanted
 * @param originNanos when the work began
 * @param endNanos when everything was over
 * @param events what was told, in any order
 * @param register the requests that the register has handled, in order
 * @param values the register's numbers at the end
 * @param leftovers the keys that were left in Redis
 * @param complaints the lines in the workers' logs that should not be there
 */
record ChaosRecord(
        ChaosSettings settings,
        long originNanos,
        long endNanos,
        List<ChaosEvent> events,
        List<ChaosRegister.Entry> register,
        Map<String, Long> values,
        List<String> leftovers,
        List<String> complaints) {}
