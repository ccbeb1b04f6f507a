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
                    "a free key goes to whoever asks", "acquire", "local next = grant_next(entry)", "local next = nil"),
            new Mutant("an instance passes its own turn on", "acquire", "grant_next(entry)", "grant_next(nil)"),
            new Mutant(
                    "the last come first", "grant", "redis.pcall('ZPOPMIN', queue)", "redis.pcall('ZPOPMAX', queue)"),
            new Mutant("each poll goes to the end of the queue", "acquire", "'NX', number, entry", "number, entry"),
            new Mutant("each unusual poll goes to the end of the queue", "acquire", "'NX', last, entry", "last, entry"),
            new Mutant(
                    "no sign of life is needed",
                    "grant",
                    "if tonumber(alive) >= math.floor(first / 1000) then",
                    "if true then"),
            new Mutant("who has just come is dead", "grant", "arrival / 1000 + ALIVE", "arrival / 1000 - ALIVE"),
            new Mutant("who has come never dies", "grant", "arrival / 1000 + ALIVE", "arrival / 1000 + 100000000"),
            new Mutant("a sign of life that is not looked for", "grant", "if arrival % 1 ~= 0 then", "if false then"),
            new Mutant(
                    "a sign of life that is not found",
                    "acquire",
                    " then call('ZADD', queue, 'INCR', '0.5', entry) end",
                    " then local no_half end"),
            new Mutant(
                    "a grant that nobody received",
                    "grant",
                    "type(received) == 'number' and received >= enough",
                    "true"),
            new Mutant("a grant lasts for ever", "grant", "label, 'PX', claim)", "label, 'PX', 1000000000)"),
            new Mutant(
                    "a grant in the granter's name",
                    "acquire",
                    "first .. '|' .. label, 'PX', lease)",
                    "first .. '|' .. client, 'PX', lease)"),
            new Mutant(
                    "a free key in nobody's name",
                    "acquire",
                    "number .. '|' .. label, 'PX', lease)",
                    "number .. '|', 'PX', lease)"),
            new Mutant(
                    "a fence that the clock alone makes",
                    "fence",
                    "local id = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')",
                    "call('DEL', fence) local id = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')"),
            new Mutant(
                    "a fence that the clock alone makes in the usual case",
                    "draw",
                    "local id, number",
                    "call('DEL', fence) local id, number"),
            new Mutant(
                    "a free key without a look at the queue",
                    "acquire",
                    "not value and call('EXISTS', queue) == 0 or",
                    "not value or"),
            new Mutant("a key granted while it is taken", "acquire", "if number and not value then", "if number then"),
            new Mutant("a sign of life without a time", "acquire", "math.floor(last / 1000) + alive", "0 + alive"),
            new Mutant(
                    "a block of fencing tokens counted as one",
                    "fence",
                    "  elseif count > 1 then",
                    "  elseif false then"),
            new Mutant(
                    "a block of fencing tokens counted as one in the usual case",
                    "grant",
                    "call('XSETID', fence, millis .. '-' .. seq + BLOCK - 1)",
                    "local no_block"),
            new Mutant("a block for every lease", "acquire", "local count = 1", "local count = BLOCK"),
            new Mutant("a cancel that stays in the queue", "cancel", "  call('ZREM', queue, ARGV[i])\n", ""),
            new Mutant("a cancel that leaves the hash entry", "cancel", "  call('HDEL', waiters, ARGV[i])\n", ""),
            new Mutant(
                    "a cancel that fails on another type", "cancel", "redis.pcall('GET', lock)", "call('GET', lock)"),
            new Mutant("a grant that leaves the hash entry", "grant", "      call('HDEL', waiters, entry)\n", ""),
            new Mutant("a queue that never ends", "acquire", "if call('PTTL', queue) < 2000 then", "if false then"),
            new Mutant(
                    "a queue that ends with an unusual waiter",
                    "acquire",
                    "if call('PTTL', queue) < tonumber(alive) then",
                    "if false then"),
            new Mutant(
                    "signs of life that never end",
                    "acquire",
                    "if call('PTTL', waiters) < tonumber(alive) then",
                    "if false then"),
            new Mutant(
                    "a usual waiter shortens the life of others",
                    "acquire",
                    "if call('PTTL', queue) < 2000 then",
                    "if true then"),
            new Mutant(
                    "a short sign of life shortens that of others",
                    "acquire",
                    "if call('PTTL', queue) < tonumber(alive) then",
                    "if true then"),
            new Mutant(
                    "a forced release that grants to nobody",
                    "force_release",
                    "if not grant_next(nil) then\n",
                    "if true then\n"),
            new Mutant("a forced release that frees nothing", "force_release", "  call('DEL', lock)\n", ""),
            new Mutant(
                    "a release that frees nothing", "release", "HANDED_ON end\ncall('DEL', lock)\n", "HANDED_ON end\n"),
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
            new Mutant(
                    "a usual waiter that leaves no mark for the owner's release",
                    "acquire",
                    "if is_new and string.sub(value, 23, 24) ~= '||' then",
                    "if is_new then"),
            new Mutant("an owner that is not known by its mark", "ownership", " or after == '!'", ""),
            new Mutant(
                    "a lock taken at once while others wait",
                    "acquire",
                    "if is_barging(value, token) then value = false end\n",
                    ""),
            new Mutant("the loss of all data taken for an end", "ownership", "return STORE_LOST\n", "return GONE\n"));
}
