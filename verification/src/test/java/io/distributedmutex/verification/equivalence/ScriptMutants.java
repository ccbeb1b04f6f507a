package io.distributedmutex.verification.equivalence;

import io.distributedmutex.verification.Mutant;
import java.util.List;

/** Faults for the scripts, by their names. */
final class ScriptMutants {

    private ScriptMutants() {}

    private static final String NOT_OWNED = "if not owns(value, token) then return why_not(value) end";

    static final List<Mutant> ALL = List.of(
            new Mutant(
                    "release without a token check",
                    "release",
                    NOT_OWNED,
                    "if not value then return why_not(value) end"),
            new Mutant(
                    "renew without a token check", "renew", NOT_OWNED, "if not value then return why_not(value) end"),
            new Mutant(
                    "cancel without a token check", "cancel", NOT_OWNED, "if not value then return why_not(value) end"),
            new Mutant(
                    "a token check by the beginning of the token",
                    "common",
                    "string.sub(value, 1, #token + 1) == token .. '|'",
                    "string.sub(value, 1, 1) == string.sub(token, 1, 1)"),
            new Mutant("the minimum hold ignored", "release", "if keep > 0 then", "if false then"),
            new Mutant("a minimum hold without an end", "release", ", 'PX', keep)", ")"),
            new Mutant(
                    "a minimum hold that its owner still owns",
                    "release",
                    "'-' .. string.sub(value, #token + 1)",
                    "value"),
            new Mutant("a release that grants to nobody", "release", "  grant_next(nil)\n", ""),
            new Mutant("exact ignored", "renew", "if exact or redis", "if redis"),
            new Mutant("every renewal exact", "renew", "if exact or redis", "if true or redis"),
            new Mutant(
                    "a repeated request shortens",
                    "acquire",
                    "if redis.call('PTTL', lock) < lease then redis",
                    "if true then redis"),
            new Mutant(
                    "a repeated request does not lengthen",
                    "acquire",
                    "if redis.call('PTTL', lock) < lease then redis.call('PEXPIRE', lock, lease) end",
                    ""),
            new Mutant(
                    "a free key goes to whoever asks",
                    "acquire",
                    "local next = grant_next(queueing and client or nil)",
                    "local next = nil"),
            new Mutant(
                    "who only tries takes its instance's turn",
                    "acquire",
                    "grant_next(queueing and client or nil)",
                    "grant_next(client)"),
            new Mutant("the last come first", "common", "'ZPOPMIN'", "'ZPOPMAX'"),
            new Mutant(
                    "each poll goes to the end of the queue",
                    "acquire",
                    "if not redis.call('ZSCORE', queue, client) then redis.call('ZADD', queue, next_fence(1), client) end",
                    "redis.call('ZADD', queue, next_fence(1), client)"),
            new Mutant("no sign of life is needed", "common", " and tonumber(alive) * 1000 >= now_micros()", ""),
            new Mutant("a grant that nobody received", "common", "and received > 0", ""),
            new Mutant(
                    "a grant lasts for ever",
                    "common",
                    "set_owner(token, first, label, claim)",
                    "set_owner(token, first, label, 1000000000)"),
            new Mutant(
                    "a grant in the granter's name",
                    "acquire",
                    "set_owner(token, first, label, lease)",
                    "set_owner(token, first, client, lease)"),
            new Mutant(
                    "the fence is not kept",
                    "common",
                    "redis.call('SET', fence, string.format('%.0f', first + count - 1))",
                    ""),
            new Mutant("a block of fencing tokens counted as one", "common", "first + count - 1)", "first)"),
            new Mutant("a block for every lease", "acquire", "local count = 1", "local count = BLOCK"),
            new Mutant("a cancel that stays in the queue", "cancel", "  redis.call('ZREM', queue, client)\n", ""),
            new Mutant("a cancel that leaves the hash entry", "cancel", "  redis.call('HDEL', waiters, client)\n", ""),
            new Mutant(
                    "a cancel of whatever token waits",
                    "cancel",
                    "if entry and string.find(entry, '|' .. token .. '|', 1, true) then",
                    "if entry then"),
            new Mutant("a cancel that takes the token for a pattern", "cancel", ", 1, true)", ")"),
            new Mutant(
                    "a cancel that fails on another type",
                    "cancel",
                    "redis.pcall('GET', lock)",
                    "redis.call('GET', lock)"),
            new Mutant("a grant that leaves the hash entry", "common", "    redis.call('HDEL', waiters, client)\n", ""),
            new Mutant(
                    "companions that never end",
                    "acquire",
                    "if redis.call('PTTL', queue) < alive then",
                    "if false then"),
            new Mutant(
                    "a short sign of life shortens that of others",
                    "acquire",
                    "if redis.call('PTTL', queue) < alive then",
                    "if true then"),
            new Mutant(
                    "entries that outlive their queue", "acquire", "    redis.call('PEXPIRE', waiters, alive)\n", ""),
            new Mutant("a forced release that grants to nobody", "force_release", "grant_next(nil)\n", ""),
            new Mutant("the loss of all data taken for an end", "common", "return STORE_LOST\n", "return GONE\n"));
}
