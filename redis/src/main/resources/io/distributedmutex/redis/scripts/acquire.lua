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
--         {0, the owner's TTL in ms or -1, the beginning of the owner's value, released, a fencing token or '0'} if not;
--         released is NOT_ASKED or says whether ARGV[5] still owned the lock. The fencing token tells who queued that every
--         push with a smaller one was made before this reply.

-- include common
local token, lease, label, waiter, releasing = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local value = call('GET', lock)

-- The usual case, without a function: free, and nobody waits. A table as a reply would cost as much as a command. What is
-- unusual about the fence is left to fence.lua.
if not value and not releasing and call('EXISTS', queue) == 0 then
  local id = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')
  if type(id) == 'string' then
    local millis, seq = string.match(id, '^(%d%d%d%d%d%d%d%d%d%d%d%d%d)-(%d%d?%d?)$')
    if millis and millis < '9007199254740' then
      local first = millis .. string.sub('00' .. seq, -3)
      call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', lease)
      return first
    end
  end
end

-- include ownership
-- include bare
-- include fence
-- include grant
local client, claim, alive, polls, before = string.match(waiter, '^([%w_-]+)|(%d+)|(%d+)(!?)|?([%w_-]*)$')
local released = NOT_ASKED
if releasing then
  if owns(value, releasing) then
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
    -- First what is new: neither key is gone in between, which a slot that moves would not forgive.
    call('ZADD', queue, place, client)
    call('HSET', waiters, client, '')
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
    set_owner(token, first, string.sub(value, #token + 3), math.max(left, tonumber(lease)))
  elseif left < tonumber(lease) then
    call('PEXPIRE', lock, lease)
  end
  return {1, first, 1, released}
end

if not value then
  -- Who only tries has no client, and does not take the turn of a waiter of its own instance either.
  local next = grant_next(client)
  if next ~= 'other' then
    local count = 1
    if next == 'self' or released ~= NOT_ASKED then count = BLOCK end
    local first = next_fence(count)
    set_owner(token, first, label, lease)
    return {1, first, count, released}
  end
  value = call('GET', lock)
end

local last = '0'
if client then
  last = next_fence(1)
  if not call('ZSCORE', queue, client) then
    call('ZADD', queue, last, client)
    -- The first behind an owner that has no fencing token in its value.
    if is_bare(value) and call('ZCARD', queue) == 1 then call('SETRANGE', lock, 22, '!') end
  end
  local until_millis = string.format('%.0f', now_millis() + tonumber(alive))
  call('HSET', waiters, client, until_millis .. polls .. '|' .. claim .. '|' .. token .. '|' .. label)
  -- Both companions live as long as the last waiter, so that dead waiters leave nothing behind. Each for itself: one may
  -- have been evicted, and made anew just now.
  for _, companion in ipairs({queue, waiters}) do
    if call('PTTL', companion) < tonumber(alive) then call('PEXPIRE', companion, alive) end
  end
end
return {0, call('PTTL', lock), string.sub(value, 1, TOLD_BYTES), released, last}
