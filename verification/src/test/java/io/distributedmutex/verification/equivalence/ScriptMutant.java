package io.distributedmutex.verification.equivalence;

import java.util.List;

/**
 * A deliberate fault in a script.
 *
 * @param name what is wrong then
 * @param file the script
 * @param original a text, which must be there exactly once
 * @param replacement what stands there instead
 */
record ScriptMutant(String name, String file, String original, String replacement) {

    private static final String NOT_OWNED = "if not owns(value, token) then return why_not(value) end";

    static final List<ScriptMutant> ALL = List.of(
            new ScriptMutant(
                    "release without a token check",
                    "release",
                    NOT_OWNED,
                    "if not value then return why_not(value) end"),
            new ScriptMutant(
                    "renew without a token check", "renew", NOT_OWNED, "if not value then return why_not(value) end"),
            new ScriptMutant(
                    "cancel without a token check", "cancel", NOT_OWNED, "if not value then return why_not(value) end"),
            new ScriptMutant(
                    "a token check by the beginning of the token",
                    "common",
                    "string.sub(value, 1, #token + 1) == token .. '|'",
                    "string.sub(value, 1, 1) == string.sub(token, 1, 1)"),
            new ScriptMutant("the minimum hold ignored", "release", "if keep > 0 then", "if false then"),
            new ScriptMutant("a minimum hold without an end", "release", ", 'PX', keep)", ")"),
            new ScriptMutant(
                    "a minimum hold that its owner still owns",
                    "release",
                    "'-' .. string.sub(value, #token + 1)",
                    "value"),
            new ScriptMutant("a release that grants to nobody", "release", "  grant_next(nil)\n", ""),
            new ScriptMutant("exact ignored", "renew", "if exact or redis", "if redis"),
            new ScriptMutant("every renewal exact", "renew", "if exact or redis", "if true or redis"),
            new ScriptMutant(
                    "a repeated request shortens",
                    "acquire",
                    "if redis.call('PTTL', lock) < lease then redis",
                    "if true then redis"),
            new ScriptMutant(
                    "a repeated request does not lengthen",
                    "acquire",
                    "if redis.call('PTTL', lock) < lease then redis.call('PEXPIRE', lock, lease) end",
                    ""),
            new ScriptMutant(
                    "a free key goes to whoever asks",
                    "acquire",
                    "local next = grant_next(queueing and client or nil)",
                    "local next = nil"),
            new ScriptMutant(
                    "who only tries takes its instance's turn",
                    "acquire",
                    "grant_next(queueing and client or nil)",
                    "grant_next(client)"),
            new ScriptMutant("the last come first", "common", "'ZPOPMIN'", "'ZPOPMAX'"),
            new ScriptMutant(
                    "each poll goes to the end of the queue",
                    "acquire",
                    "if not redis.call('ZSCORE', queue, client) then redis.call('ZADD', queue, next_fence(1), client) end",
                    "redis.call('ZADD', queue, next_fence(1), client)"),
            new ScriptMutant("no sign of life is needed", "common", " and tonumber(alive) * 1000 >= now_micros()", ""),
            new ScriptMutant("a grant that nobody received", "common", "and received > 0", ""),
            new ScriptMutant(
                    "a grant lasts for ever",
                    "common",
                    "set_owner(token, first, label, claim)",
                    "set_owner(token, first, label, 1000000000)"),
            new ScriptMutant(
                    "a grant in the granter's name",
                    "acquire",
                    "set_owner(token, first, label, lease)",
                    "set_owner(token, first, client, lease)"),
            new ScriptMutant(
                    "the fence is not kept",
                    "common",
                    "redis.call('SET', fence, string.format('%.0f', first + count - 1))",
                    ""),
            new ScriptMutant("a block of fencing tokens counted as one", "common", "first + count - 1)", "first)"),
            new ScriptMutant("a block for every lease", "acquire", "local count = 1", "local count = BLOCK"),
            new ScriptMutant("a cancel that stays in the queue", "cancel", "  redis.call('ZREM', queue, client)\n", ""),
            new ScriptMutant(
                    "a cancel that leaves the hash entry", "cancel", "  redis.call('HDEL', waiters, client)\n", ""),
            new ScriptMutant(
                    "a cancel of whatever token waits",
                    "cancel",
                    "if entry and string.find(entry, '|' .. token .. '|', 1, true) then",
                    "if entry then"),
            new ScriptMutant("a cancel that takes the token for a pattern", "cancel", ", 1, true)", ")"),
            new ScriptMutant(
                    "a cancel that fails on another type",
                    "cancel",
                    "redis.pcall('GET', lock)",
                    "redis.call('GET', lock)"),
            new ScriptMutant(
                    "a grant that leaves the hash entry", "common", "    redis.call('HDEL', waiters, client)\n", ""),
            new ScriptMutant(
                    "companions that never end",
                    "acquire",
                    "if redis.call('PTTL', queue) < alive then",
                    "if false then"),
            new ScriptMutant(
                    "a short sign of life shortens that of others",
                    "acquire",
                    "if redis.call('PTTL', queue) < alive then",
                    "if true then"),
            new ScriptMutant(
                    "entries that outlive their queue", "acquire", "    redis.call('PEXPIRE', waiters, alive)\n", ""),
            new ScriptMutant("a forced release that grants to nobody", "force_release", "grant_next(nil)\n", ""),
            new ScriptMutant(
                    "the loss of all data taken for an end", "common", "return STORE_LOST\n", "return GONE\n"));
}
