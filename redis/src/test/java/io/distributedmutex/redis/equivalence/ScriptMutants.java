package io.distributedmutex.redis.equivalence;

import io.distributedmutex.testing.Mutant;
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
                    "ownership",
                    "string.sub(value, 1, #token) ~= token",
                    "string.sub(value, 1, 1) ~= string.sub(token, 1, 1)"),
            new Mutant("the minimum hold ignored", "release", "if keep then", "if false then"),
            new Mutant("a minimum hold without an end", "release", ", 'PX', keep)", ")"),
            new Mutant(
                    "a minimum hold that its owner still owns",
                    "release",
                    "'-' .. string.sub(value, #token + 1)",
                    "value"),
            new Mutant(
                    "a release that grants to nobody", "release", "if grant_next(nil) then return HANDED_ON end\n", ""),
            new Mutant(
                    "a renewal that shortens", "renew", "if call('PTTL', lock) < tonumber(lease) then call", "do call"),
            new Mutant("a renewal that lengthens nothing", "renew", "call('PEXPIRE', lock, lease)", ""),
            new Mutant("a repeated request shortens", "acquire", "elseif left < tonumber(lease) then", "else"),
            new Mutant(
                    "a repeated request does not lengthen",
                    "acquire",
                    "elseif left < tonumber(lease) then",
                    "elseif false then"),
            new Mutant(
                    "a repeated request shortens what was taken without a script",
                    "acquire",
                    "math.max(left, tonumber(lease))",
                    "lease"),
            new Mutant(
                    "a repeated request does not lengthen what was taken without a script",
                    "acquire",
                    "math.max(left, tonumber(lease))",
                    "left"),
            new Mutant(
                    "a free key goes to whoever asks",
                    "acquire",
                    "local next = grant_next(client)",
                    "local next = nil"),
            new Mutant("an instance passes its own turn on", "acquire", "grant_next(client)", "grant_next(nil)"),
            new Mutant("the last come first", "grant", "'ZPOPMIN'", "'ZPOPMAX'"),
            new Mutant(
                    "each poll goes to the end of the queue",
                    "acquire",
                    "if not call('ZSCORE', queue, client) then",
                    "if true then"),
            new Mutant("no sign of life is needed", "grant", " and tonumber(alive) >= now_millis()", ""),
            new Mutant("a grant that nobody received", "grant", "type(received) == 'number' and received > 0", "true"),
            new Mutant(
                    "a grant lasts for ever",
                    "grant",
                    "set_owner(token, first, label, claim)",
                    "set_owner(token, first, label, 1000000000)"),
            new Mutant(
                    "a grant in the granter's name",
                    "acquire",
                    "set_owner(token, first, label, lease)\n    return",
                    "set_owner(token, first, waiter, lease)\n    return"),
            new Mutant("a free key in nobody's name", "acquire", "'|' .. label, 'PX', lease)", "'|', 'PX', lease)"),
            new Mutant(
                    "a fence that the clock alone makes",
                    "fence",
                    "local id = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')",
                    "call('DEL', fence) local id = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')"),
            new Mutant(
                    "a fence that the clock alone makes in the usual case",
                    "acquire",
                    "local id = redis.pcall('XADD', fence",
                    "call('DEL', fence) local id = redis.pcall('XADD', fence"),
            new Mutant(
                    "a free key without a look at the queue",
                    "acquire",
                    "if not value and not releasing and call('EXISTS', queue) == 0 then",
                    "if not value and not releasing then"),
            new Mutant(
                    "a key granted while it is taken",
                    "acquire",
                    "if not value and not releasing and",
                    "if not releasing and"),
            new Mutant(
                    "a clock that is not asked",
                    "fence",
                    "clock = time[1] * 1000 + math.floor(time[2] / 1000)",
                    "clock = math.floor(time[2] / 1000)"),
            new Mutant(
                    "a block of fencing tokens counted as one",
                    "fence",
                    "  elseif count > 1 then",
                    "  elseif false then"),
            new Mutant("a block for every lease", "acquire", "local count = 1", "local count = BLOCK"),
            new Mutant("a cancel that stays in the queue", "cancel", "  call('ZREM', queue, client)\n", ""),
            new Mutant("a cancel that leaves the hash entry", "cancel", "  call('HDEL', waiters, client)\n", ""),
            new Mutant(
                    "a cancel of whatever token waits",
                    "cancel",
                    "if entry and string.find(entry, '|' .. token .. '|', 1, true) then",
                    "if entry then"),
            new Mutant("a cancel that takes the token for a pattern", "cancel", ", 1, true)", ")"),
            new Mutant(
                    "a cancel that fails on another type", "cancel", "redis.pcall('GET', lock)", "call('GET', lock)"),
            new Mutant("a grant that leaves the hash entry", "grant", "    call('HDEL', waiters, client)\n", ""),
            new Mutant(
                    "companions that never end",
                    "acquire",
                    "if call('PTTL', companion) < tonumber(alive) then",
                    "if false then"),
            new Mutant(
                    "a short sign of life shortens that of others",
                    "acquire",
                    "if call('PTTL', companion) < tonumber(alive) then",
                    "if true then"),
            new Mutant("entries that outlive their queue", "acquire", "{queue, waiters}", "{queue}"),
            new Mutant(
                    "a forced release that grants to nobody",
                    "force_release",
                    "if not grant_next(nil) then\n",
                    "if true then\n"),
            new Mutant("a forced release that frees nothing", "force_release", "  call('DEL', lock)\n", ""),
            new Mutant("a release that frees nothing", "release", "call('DEL', lock)\n", ""),
            new Mutant("a cancel that frees nothing", "cancel", "  call('DEL', lock)\n", ""),
            new Mutant(
                    "a short release of whatever stands there",
                    "free",
                    "redis.call('GET', KEYS[1]) == ARGV[1]",
                    "true"),
            new Mutant("a short release that frees nothing", "free", "return redis.call('DEL', KEYS[1])", "return 1"),
            new Mutant(
                    "a waiter that leaves no mark for the owner's release",
                    "acquire",
                    "call('SETRANGE', lock, 22, '!')",
                    "local no_mark"),
            new Mutant("an owner that is not known by its mark", "ownership", " or after == '!'", ""),
            new Mutant(
                    "a lock taken at once while others wait",
                    "acquire",
                    "if is_barging(value, token) then value = false end\n",
                    ""),
            new Mutant("the loss of all data taken for an end", "ownership", "return STORE_LOST\n", "return GONE\n"));
}
