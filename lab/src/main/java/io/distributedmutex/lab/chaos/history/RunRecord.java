package io.distributedmutex.lab.chaos.history;

import io.distributedmutex.lab.chaos.plan.Settings;
import java.util.List;
import java.util.Map;

/**
 * All that is known of a chaos run.
 *
 * @param settings what was wanted
 * @param originNanos when the work began
 * @param events what the workers reported, in any order
 * @param register the requests that the register has handled, in order
 * @param values the register's numbers at the end
 * @param leftovers the keys that were left in Redis
 * @param complaints the lines in the workers' logs that should not be there
 */
public record RunRecord(
        Settings settings,
        long originNanos,
        List<Event> events,
        List<Register.Entry> register,
        Map<String, Long> values,
        List<String> leftovers,
        List<String> complaints) {}
