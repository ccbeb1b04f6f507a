package io.distributedmutex.lab.chaos.check;

import io.distributedmutex.lab.chaos.history.History;
import io.distributedmutex.lab.chaos.history.RunRecord;
import io.distributedmutex.lab.chaos.history.Times;
import io.distributedmutex.lab.chaos.plan.Topology;
import io.distributedmutex.lab.output.Verdict;
import io.distributedmutex.lab.output.Verdict.Finding;
import java.util.ArrayList;
import java.util.List;

/**
 * Looks for what must not have happened in a chaos run. It believes only the workers' reports and the register's log, knows
 * nothing of locks, and does nothing but compute.
 */
public final class Checker {

    private Checker() {}

    public static Verdict<Check> check(History history, RunRecord record) {
        Times times = new Times(history, record.originNanos());
        LeaseChecks leases = new LeaseChecks(history, times);
        CallChecks calls = new CallChecks(history, times, record);
        ServiceChecks service = new ServiceChecks(history, times, record.originNanos());
        List<Finding<Check>> findings = new ArrayList<>(List.of(
                leases.exclusion(),
                leases.tokens(),
                new RegisterChecks(history, times, record, leases.twins()).fencing(),
                leases.told(),
                calls.outcomes(),
                new OrderCheck(history, times, record.originNanos()).order(),
                new DeadlockCheck(history, times, record).deadlocks(),
                service.service()));
        if (record.settings().topology() == Topology.CLUSTER) {
            findings.add(new ShardCheck(history, times, record.originNanos()).shards());
        }
        findings.add(calls.end());
        return new Verdict<>(List.copyOf(findings));
    }
}
