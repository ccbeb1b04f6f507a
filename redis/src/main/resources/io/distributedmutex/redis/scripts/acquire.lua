-- Asks for the lock; also a waiter's poll and sign of life, and (with ARGV[7]) the step by which an instance gives a
-- lease back and asks for the next one in one trip. Repeating it with the same token is safe.
--
-- ARGV[1] token   ARGV[2] lease, ms   ARGV[3] holder label   ARGV[4] the client, to queue if not free, or ''
-- All others may be absent:
-- ARGV[5] how long the waiter counts as alive, ms, with '!' behind if pushes do not reach it, so that it finds a grant by its
-- next poll; '' as usual   ARGV[6] the claim time of a later grant, ms   ARGV[7] token of a lease to give back first, or ''
-- ARGV[8] the client's name a moment ago
--
-- Returns the fencing token if granted in the usual case: a free key, and nothing to give back;
--         {1, first fencing token, how many, released} if granted otherwise;
--         {0, the owner's TTL in ms or -1, the beginning of the owner's value, released, a fencing token or '0'} if not;
--         released is NOT_ASKED or says whether ARGV[7] still owned the lock. The fencing token tells who queued that every
--         push with a smaller one was made before this reply.

-- include common
local token, lease, label, client, releasing = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[7] or ''
local value = call('GET', lock)

local entry = client ~= '' and token .. '|' .. client .. '|' .. label
local last, is_new

-- The two usual cases, without a function: free, and nobody waits; or taken by another, and nothing is special about the
-- waiter. A table as a reply to the first would cost as much as a command.
if not ARGV[5] and (not value and call('EXISTS', queue) == 0 or value and entry and string.find(value, token, 1, true) ~= 1) then
-- include draw
  if number and not value then
    call('SET', lock, token .. '|' .. number .. '|' .. label, 'PX', lease)
    return number
  end
  if number then
    -- An entry that is there already keeps its place.
    last, is_new = number, call('ZADD', queue, 'NX', number, entry) == 1
    if is_new and string.sub(value, 23, 24) ~= '||' then
      if call('PTTL', queue) < 2000 then call('PEXPIRE', queue, ALIVE) end
      return {0, call('PTTL', lock), string.sub(value, 1, TOLD_BYTES), NOT_ASKED, last}
    end
  end
end

-- include ownership
-- include bare
-- include fence
-- include grant
local released = NOT_ASKED
if releasing ~= '' then
  if owns(value, releasing) then
    value = false
    released = HELD
  else
    released = why_not(value)
  end
end

if entry and ARGV[8] then
  -- Its place goes along.
  local before = token .. '|' .. ARGV[8] .. '|' .. label
  local place = call('ZSCORE', queue, before)
  if place then
    -- First what is new: neither key is gone in between, which a slot that moves would not forgive.
    call('ZADD', queue, place, entry)
    local more = call('HGET', waiters, before)
    if more then call('HSET', waiters, entry, more) end
    call('ZREM', queue, before)
    call('HDEL', waiters, before)
  end
end

if is_barging(value, token) then value = false end

if owns(value, token) then
  -- A repeated request, or a grant whose push was lost. Never shortens, so that a late repetition does no harm.
  local left = call('PTTL', lock)
  local first = string.match(value, '^[%w_-]+|(%d+)|')
  if not first then
    first = next_fence(1)
    call('SET', lock, token .. '|' .. first .. string.sub(value, #token + 2), 'PX', math.max(left, tonumber(lease)))
  elseif left < tonumber(lease) then
    call('PEXPIRE', lock, lease)
  end
  return {1, first, 1, released}
end

if not value then
  -- Who only tries has no entry, and does not take the turn of a waiter of its own instance either.
  local next = grant_next(entry)
  if next ~= 'other' then
    local count = 1
    if next == 'self' or released ~= NOT_ASKED then count = BLOCK end
    local first = next_fence(count)
    call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', lease)
    return {1, first, count, released}
  end
  value = call('GET', lock)
end

if entry then
  local alive, polls, claim = ALIVE, '', CLAIM
  if ARGV[5] and ARGV[5] ~= '' then
    alive, polls = string.match(ARGV[5], '^(%d+)(!?)$')
    claim = ARGV[6]
  end
  local is_usual = alive == ALIVE and polls == '' and claim == CLAIM
  if not last then
    last = next_fence(1)
    is_new = call('ZADD', queue, 'NX', last, entry) == 1
  end
  -- The first behind an owner that has no fencing token in its value.
  if is_new and is_bare(value) and call('ZCARD', queue) == 1 then call('SETRANGE', lock, 22, '!') end
  if not (is_new and is_usual) then
    -- A sign of life. The half tells grant.lua to look for it.
    if call('ZSCORE', queue, entry) % 1 == 0 then call('ZADD', queue, 'INCR', '0.5', entry) end
    local until_millis = string.format('%.0f', math.floor(last / 1000) + alive)
    call('HSET', waiters, entry, until_millis .. polls .. '|' .. claim)
    if call('PTTL', waiters) < tonumber(alive) then call('PEXPIRE', waiters, alive) end
  end
  -- Both companions live as long as the last waiter, so that dead waiters leave nothing behind. Each for itself: one may
  -- have been evicted, and made anew just now.
  if call('PTTL', queue) < tonumber(alive) then call('PEXPIRE', queue, alive) end
end
return {0, call('PTTL', lock), string.sub(value, 1, TOLD_BYTES), released, last or '0'}
