package io.distributedmutex.verification.simulation;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.redis.RedisLockStore;
import io.distributedmutex.testing.DeadlockMutants;
import io.distributedmutex.testing.Mutant;
import io.distributedmutex.testkit.ManualTime;
import io.lettuce.core.RedisClient;
import java.util.List;
import org.jspecify.annotations.NullMarked;
import org.slf4j.Logger;

/**
 * Faults for the sources of the engine, of the Redis store's fast path and of the in-memory store, by their paths from the
 * repository's root. The in-memory store's data stands for the scripts, which it follows line by line.
 */
final class EngineMutants {

    private EngineMutants() {}

    private static final String CORE = "core/src/main/java/io/distributedmutex/internal/";
    private static final String QUEUE = CORE + "KeyQueue.java";
    private static final String HOLDING = CORE + "Holding.java";
    private static final String BELIEF = CORE + "Belief.java";
    private static final String ENGINE = CORE + "Engine.java";
    private static final String FAST = "redis/src/main/java/io/distributedmutex/redis/FastPath.java";
    private static final String STORE = "testkit/src/main/java/io/distributedmutex/testkit/memory/InMemoryData.java";

    /** What they are compiled against. */
    static final List<Class<?>> USES = List.of(
            DistributedMutex.class,
            ManualTime.class,
            RedisLockStore.class,
            RedisClient.class,
            Logger.class,
            NullMarked.class);

    private static final String REDIS = "redis/src/main/java/io/distributedmutex/redis/";
    private static final String SLOTS = REDIS + "SlotRequests.java";
    private static final String CLUSTER = REDIS + "ClusterPrimaries.java";
    private static final String PUSHES = REDIS + "NodePushes.java";
    private static final String SCRIPTS = "redis/src/main/resources/io/distributedmutex/redis/scripts/";

    /** Those that lives in clusters and behind Sentinels find; see {@link FailoversTest}. */
    static final List<Mutant> FAILOVERS = List.of(
            new Mutant(
                    "a redirected request is sent behind later ones",
                    SLOTS,
                    "redirected.add(routed);",
                    "held.addLast(routed);"),
            new Mutant(
                    "later requests are not held while others are redirected",
                    SLOTS,
                    "now = !following && redirected.isEmpty() && held.isEmpty() && (onTheirWay == 0 || at == node);",
                    "now = true;"),
            new Mutant(
                    "ASK is taken for MOVED",
                    REDIS + "Redirect.java",
                    "parts.group(1).equals(\"MOVED\"), slot",
                    "true, slot"),
            new Mutant(
                    "MOVED is not remembered",
                    SLOTS,
                    "moved(node, redirect);\n                    }\n                    routed",
                    "}\n                    routed"),
            new Mutant(
                    "a master that serves is left on the word of a third node",
                    CLUSTER,
                    "|| (isFirst && !isServing(master)));",
                    "|| true);"),
            new Mutant(
                    "a node is believed that has lost the cluster",
                    CLUSTER,
                    "error.text().startsWith(LOST)",
                    "error.text().isEmpty()"),
            new Mutant(
                    "nodes that were silent are not asked again",
                    CLUSTER,
                    "return others.isEmpty() ? others(node -> !node.isOpen()) : others;",
                    "return others;"),
            new Mutant(
                    "TRYAGAIN is taken for a refusal for good",
                    REDIS + "ErrorCode.java",
                    "TRYAGAIN(Reason.BUSY,",
                    "TRYAGAIN(Reason.OTHER,"),
            new Mutant(
                    "a push to whom the node does not count",
                    SCRIPTS + "grant.lua",
                    "if counted[2] == 0 then publish = nil else enough = 0 end",
                    ""),
            new Mutant(
                    "the end of a subscription is not noticed",
                    PUSHES,
                    "unasked = channels.values().removeIf(channel -> channel.name.equals(from));",
                    "unasked = false;"),
            new Mutant(
                    "a connection for pushes that is lost is taken for one that is there",
                    PUSHES,
                    "            rename();\n            if (!channels.isEmpty()) {",
                    "            if (!channels.isEmpty()) {"),
            new Mutant(
                    "an instance that waits is not subscribed there",
                    CLUSTER,
                    "if (pushes.isSubscribed(slot)) {",
                    "if (true) {"));

    /** Those that lives of deadlocks find; see {@link CirclesTest}. {@link DeadlockMutants} has one for each rule. */
    static final List<Mutant> DEADLOCKS = DeadlockMutants.named(
            "every wait of a circle finds it",
            "the youngest by another order on each side",
            "probes are not repeated",
            "a circle is told of each time",
            "a wait is not known to others",
            "a victim that goes on waiting");

    static final List<Mutant> ALL = List.of(
            new Mutant(
                    "a grant's deadline counted from the reply",
                    QUEUE,
                    "long deadline = sent + Belief.validNanos(leaseMillis);",
                    "long deadline = now + Belief.validNanos(leaseMillis);"),
            new Mutant(
                    "a renewal's deadline counted from the reply",
                    HOLDING,
                    "confirmed(millis, sent);",
                    "confirmed(millis, now);"),
            new Mutant(
                    "no margin for clock drift",
                    BELIEF,
                    "return leaseMillis * 1_000_000 - leaseMillis * 10_000 - 2_000_000;",
                    "return leaseMillis * 1_000_000;"),
            new Mutant(
                    "the deadline is not looked at",
                    CORE + "LeaseHandle.java",
                    "if (instance().now() < deadline()) {\n            return true;",
                    "if (true) {\n            return true;"),
            new Mutant(
                    "a late push is believed",
                    QUEUE,
                    "} else if (fencingToken > asked.lastFencingToken) {",
                    "} else {"),
            new Mutant(
                    "a push's claim counted from the answer to the last poll",
                    CORE + "KeyRequest.java",
                    "baseNanos = Math.max(baseNanos, sent);",
                    "baseNanos = Math.max(baseNanos, now);"),
            new Mutant(
                    "a push believed for the whole lease time",
                    QUEUE,
                    "long deadline = asked.baseNanos + Belief.validNanos(asked.claimMillis);",
                    "long deadline = asked.baseNanos + Belief.validNanos(asked.sentLeaseMillis);"),
            new Mutant(
                    "a cancel that forgets the grant",
                    QUEUE,
                    "then(() -> instance.giveBacks.send(GiveBack.cancel(key, abandoned.token, until)));",
                    ""),
            new Mutant(
                    "no poll",
                    QUEUE,
                    "asked.poll =\n                instance.scheduler.runAfter("
                            + "() -> poll(asked), Math.min(asked.retryMillis, atMostMillis) * 1_000_000);",
                    ""),
            new Mutant("local pass without a bound in time", HOLDING, "&& now - since < PASS_WINDOW_NANOS", ""),
            new Mutant(
                    "more local passes than fencing tokens were given",
                    HOLDING,
                    "return passesLeft > 0\n                &&",
                    "return"),
            new Mutant(
                    "a release that is not sent",
                    QUEUE,
                    "            then(() -> instance.giveBacks.send(giveBack));\n        } else {",
                    "        } else {"),
            new Mutant(
                    "a suspension of the machine is not noticed",
                    CORE + "SystemClock.java",
                    "suspended = stopped + UPTIME_RESOLUTION_NANOS;",
                    ""),
            new Mutant(
                    "a step that only the wall clock shows is not counted",
                    CORE + "SystemClock.java",
                    "(countsSteps || uptime < 0)",
                    "uptime < 0"),
            new Mutant(
                    "a step of the wall clock taken for a suspension",
                    CORE + "SystemClock.java",
                    "(countsSteps || uptime < 0)",
                    "true"),
            new Mutant("an expired lease that a poll made longer is not freed", BELIEF, " || !whole;", ";"),
            new Mutant(
                    "a lease of a waiter who has left is believed whole",
                    HOLDING,
                    "believeAtMost(wantedMillis, now);",
                    ""),
            new Mutant(
                    "a local pass to a waiter who wants less",
                    HOLDING,
                    "&& next.options.leaseTime().toMillis() >= longestMillis()",
                    ""),
            new Mutant(
                    "a renewal that shortens",
                    STORE,
                    "ownership == HELD && remainingMillis(value) < leaseMillis) {\n            expireAfter",
                    "ownership == HELD) {\n            expireAfter"),
            new Mutant(
                    "the outcome of a release lost with its reply",
                    QUEUE,
                    "            releaseUnanswered(answeredRequest);\n            cancelPoll",
                    "            cancelPoll"),
            new Mutant(
                    "an interrupted waiter keeps what it was granted in that moment",
                    ENGINE,
                    "            lease.giveBackUnused();\n        } else if (queue != null) {",
                    "        } else if (queue != null) {"),
            new Mutant(
                    "close() keeps what is held",
                    QUEUE,
                    "            if (here != null) {\n                loseByClosing(",
                    "            if (false) {\n                loseByClosing("),
            new Mutant(
                    "release without a token check",
                    STORE,
                    "if (value != null && ownership == HELD) {\n            if (keepMillis > 0) {",
                    "if (value != null) {\n            if (keepMillis > 0) {"),
            new Mutant(
                    "renew without a token check",
                    STORE,
                    "if (value != null && ownership == HELD && remainingMillis(value) < leaseMillis) {\n            expireAfter",
                    "if (value != null && remainingMillis(value) < leaseMillis) {\n            expireAfter"),
            new Mutant(
                    "cancel without a token check",
                    STORE,
                    "if (ownership == HELD) {\n            values.remove(key);",
                    "if (ownership != GONE) {\n            values.remove(key);"),
            new Mutant(
                    "a fence without the clock",
                    STORE,
                    "long first = Math.max(nowMillis() * IDS_PER_MILLI, lastFence + 1);",
                    "long first = lastFence + 1;"),
            new Mutant(
                    "a fence without the counter",
                    STORE,
                    "long first = Math.max(nowMillis() * IDS_PER_MILLI, lastFence + 1);",
                    "long first = nowMillis() * IDS_PER_MILLI;"),
            new Mutant(
                    "the claim time ignored by the store",
                    STORE,
                    "setOwner(key, entry.token, fence, entry.label, waiter.claimMillis);",
                    "setOwner(key, entry.token, fence, entry.label, 1);"),
            new Mutant(
                    "a free key goes to whoever asks",
                    STORE,
                    "Next next = grantNext(key, request.queue() ? new Entry(token, client, label) : null);",
                    "Next next = Next.NOBODY;"),
            new Mutant(
                    "a grant that is not told",
                    STORE,
                    "&& pushes.publish(entry.client, new Grant(key, entry.token, fence, BLOCK))",
                    ""),
            new Mutant(
                    "a cancel that leaves the queue entry",
                    STORE,
                    "            queue.remove(new Entry(token, client, label));\n"
                            + "            if (queue.waiters.isEmpty()) {\n"
                            + "                queues.remove(key);",
                    "            if (queue.waiters.isEmpty()) {\n                queues.remove(key);"),
            new Mutant("a withdrawal ignored by the fast path", FAST, "if (!withdrawn) {", "if (true) {"),
            new Mutant(
                    "a key that was taken believed without a look at the queue",
                    FAST,
                    "isOurs && (!isWaitedFor || isFollowed);",
                    "isOurs;"),
            new Mutant(
                    "a key that was taken believed without a look at its owner",
                    FAST,
                    "isOurs && (!isWaitedFor || isFollowed);",
                    "!isWaitedFor || isFollowed;"),
            new Mutant(
                    "no follow-up after an attempt that failed",
                    FAST,
                    "followUp(taken.took());",
                    "complete(new AcquireReply.Refused(0, null, null, 0, null));"),
            new Mutant(
                    "a cancel after a follow-up that the engine repeats",
                    FAST,
                    "|| !failure.isTransient()",
                    "|| failure.isTransient()"),
            new Mutant(
                    "a release that the server cannot do taken for done",
                    FAST,
                    "if (answer.freed()) {",
                    "if (answer.freed() || answer.found() != null) {"),
            new Mutant(
                    "a key that was taken without a script, and no mark left by who queues",
                    STORE,
                    "values.put(request.key(), holder.followed());",
                    ""),
            new Mutant(
                    "a mark left though others queued before",
                    STORE,
                    "if (queue.waiters.isEmpty() && holder != null && holder.isBare()) {",
                    "if (holder != null && holder.isBare()) {"),
            new Mutant(
                    "an owner who barged in over the queue keeps the key",
                    STORE,
                    "value.isOwnedBy(token) && value.isBare() && queueAt(key) != null",
                    "false"),
            new Mutant(
                    "a key freed without a look at its owner",
                    STORE,
                    "value != null && value.isOwnedBy(token) && value.isBare();",
                    "value != null && value.isBare();"));
}
