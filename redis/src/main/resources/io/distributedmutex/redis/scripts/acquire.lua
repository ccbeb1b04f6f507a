-- Asks for the lock; also a waiter's poll and sign of life, and (with ARGV[5]) the step by which an instance gives a
-- lease back and asks for the next one in one trip. Repeating it with the same token is safe.
--
-- ARGV[1] token   ARGV[2] lease, ms   ARGV[3] holder label   ARGV[4] 'client|claim|alive' to queue if not free, or '':
-- the claim time of a later grant, and how long the waiter counts as alive, both in ms; with '!' behind if pushes do not
-- reach it, so that it finds a grant by its next poll; and with '|before' if the client had another name a moment ago
-- ARGV[5] token of a lease to give back first, or absent
--
-- Returns the fencing token if granted in the usual case: a free key, and nothing to give back;
--         {1, first fencing token, how many, released} if granted otherwise;
--         {0, the owner's TTL in ms or -1, the beginning of the owner's value, released, the last fencing token given} if not;
--         released is NOT_ASKED or says whether ARGV[5] still owned the lock. By the last fencing token the requester
--         knows a push that was made before this reply, and arrives after it, for what it is.

-- include common
local token, lease, label, waiter, releasing = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- The usual case, without a function: free, nobody waits, and the clock is ahead of the counter (see fence.lua). Texts of
-- digits compare as the numbers do, if they are as long. A table as a reply would cost as much as a command.
if not releasing and call('EXISTS', lock, queue) == 0 then
  local time = call('TIME')
  local first = time[1] .. string.sub('00000' .. time[2], -6)
  local last = call('SET', fence, first, 'GET')
  if not last or (#last == #first and last < first) then
    call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', lease)
    return first
  end
  call('SET', fence, last)
end

-- include ownership
-- include fence
-- include grant
local client, claim, alive, polls, before = string.match(waiter, '^([%w_-]+)|(%d+)|(%d+)(!?)|?([%w_-]*)$')
local value = call('GET', lock)
local released = NOT_ASKED
if releasing then
  if owns(value, releasing) then
    -- Deleted, although it will be set again: after a first write Redis lets a script go on at its memory limit.
    call('DEL', lock)
    value = false
    released = HELD
  else
    released = why_not(value)
  end
end

if client and before ~= '' then
  -- Its place goes along.
  local place = call('ZSCORE', queue, before)
  if place then
    call('ZADD', queue, place, client)
    call('ZREM', queue, before)
    call('HDEL', waiters, before)
  end
end

if owns(value, token) then
  -- A repeated request, or a grant whose push was lost. Never shortens, so that a late repetition does no harm.
  if call('PTTL', lock) < tonumber(lease) then call('PEXPIRE', lock, lease) end
  return {1, string.match(value, '|(%d+)|'), 1, released}
end

if not value then
  -- Who only tries has no client, and does not take the turn of a waiter of its own instance either.
  local next = grant_next(client)
  if next ~= 'other' then
    local count = 1
    if next == 'self' or releasing then count = BLOCK end
    local first = next_fence(count)
    set_owner(token, first, label, lease)
    return {1, first, count, released}
  end
  value = call('GET', lock)
end

if client then
  if not call('ZSCORE', queue, client) then call('ZADD', queue, next_fence(1), client) end
  local until_millis = string.format('%.0f', math.floor(now_micros() / 1000) + tonumber(alive))
  call('HSET', waiters, client, until_millis .. polls .. '|' .. claim .. '|' .. token .. '|' .. label)
  -- Both companions live as long as the last waiter, so that dead waiters leave nothing behind. Each for itself: one may
  -- have been evicted, and made anew just now.
  for _, companion in ipairs({queue, waiters}) do
    if call('PTTL', companion) < tonumber(alive) then call('PEXPIRE', companion, alive) end
  end
end
return {0, call('PTTL', lock), string.sub(value, 1, TOLD_BYTES), released, string.format('%.0f', last_fence())}
