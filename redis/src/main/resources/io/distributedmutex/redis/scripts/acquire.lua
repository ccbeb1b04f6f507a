-- Asks for the lock; also a waiter's poll and sign of life, and (with ARGV[8]) the step by which an instance gives a
-- lease back and asks for the next one in one trip. Repeating it with the same token is safe.
--
-- ARGV[1] token   ARGV[2] lease, ms   ARGV[3] client   ARGV[4] holder label   ARGV[5] '1' to queue if not free
-- ARGV[6] claim time of a later grant, ms   ARGV[7] how long the waiter is taken to be alive, ms
-- ARGV[8] token of a lease to give back first, or ''
--
-- Returns {1, first fencing token, how many, released} if granted,
--         {0, the owner's TTL in ms or -1, the beginning of the owner's value, released, the last fencing token given} if not;
--         released is NOT_ASKED or says whether ARGV[8] still owned the lock. By the last fencing token the requester
--         knows a push that was made before this reply, and arrives after it, for what it is.

-- include common
local token, lease, client, label = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local queueing, claim, alive, releasing = ARGV[5] == '1', ARGV[6], ARGV[7], ARGV[8]

-- include fence
if releasing == '' and call('EXISTS', lock, queue) == 0 then
  -- Free, and nobody waits: the usual case.
  local first = next_fence(1)
  set_owner(token, first, label, lease)
  return {1, first, 1, NOT_ASKED}
end

-- include ownership
-- include grant
local value = call('GET', lock)
local released = NOT_ASKED
if releasing ~= '' then
  if owns(value, releasing) then
    -- Deleted, although it will be set again: after a first write Redis lets a script go on at its memory limit.
    call('DEL', lock)
    value = false
    released = HELD
  else
    released = why_not(value)
  end
end

if owns(value, token) then
  -- A repeated request, or a grant whose push was lost. Never shortens, so that a late repetition does no harm.
  if call('PTTL', lock) < tonumber(lease) then call('PEXPIRE', lock, lease) end
  return {1, string.match(value, '|(%d+)|'), 1, released}
end

if not value then
  -- Who only tries does not take the turn of a waiter of its own instance either.
  local next = grant_next(queueing and client or nil)
  if next ~= 'other' then
    local count = 1
    if next == 'self' or releasing ~= '' then count = BLOCK end
    local first = next_fence(count)
    set_owner(token, first, label, lease)
    return {1, first, count, released}
  end
  value = call('GET', lock)
end

if queueing then
  if not call('ZSCORE', queue, client) then call('ZADD', queue, next_fence(1), client) end
  local until_millis = string.format('%.0f', math.floor(now_micros() / 1000) + tonumber(alive))
  call('HSET', waiters, client, until_millis .. '|' .. claim .. '|' .. token .. '|' .. label)
  -- Both companions live as long as the last waiter, so that dead waiters leave nothing behind.
  if call('PTTL', queue) < tonumber(alive) then
    call('PEXPIRE', queue, alive)
    call('PEXPIRE', waiters, alive)
  end
end
return {0, call('PTTL', lock), string.sub(value, 1, TOLD_BYTES), released, string.format('%.0f', fence_number(call('GET', fence)))}
