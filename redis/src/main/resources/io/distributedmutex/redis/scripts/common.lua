-- Shared by every script, which is sent to the server as this text followed by its own.
--
-- KEYS[1] lock     STRING  token|fence|label, always with a TTL: the owner. Absent: free.
-- KEYS[2] queue    ZSET    client -> arrival number: who waits, first come first.
-- KEYS[3] waiters  HASH    client -> alive|claim|token|label: what a grant to that client needs.
-- KEYS[4] fence    STRING  the last fencing token given for any key of this slot. No TTL.

local lock, queue, waiters, fence = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

-- Codes for "did the token own the lock?"
local NOT_ASKED, HELD, TAKEN, GONE, STORE_LOST = 0, 1, 2, 3, 4

-- How many fencing tokens a lease gets that its instance may pass on locally.
local BLOCK = 64

local function owns(value, token)
  return value and string.sub(value, 1, #token + 1) == token .. '|'
end

local function why_not(value)
  if value then return TAKEN end
  if redis.call('EXISTS', fence) == 1 then return GONE end
  return STORE_LOST
end

-- Server time in microseconds. Redis freezes it while a script runs only from 7.2 on: nothing may rely on that.
local function now_micros()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Takes `count` consecutive numbers and returns the first, as text. The clock makes them rise even when the counter was
-- lost, the counter makes them rise even when the clock steps back. Below 2^53 until the year 2255.
local function next_fence(count)
  local last = tonumber(redis.call('GET', fence) or 0) or 0
  local first = math.max(now_micros(), last + 1)
  redis.call('SET', fence, string.format('%.0f', first + count - 1))
  return string.format('%.0f', first)
end

local function set_owner(token, first, label, millis)
  redis.call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', millis)
end

-- The lock is free: grants it to the first live waiter, and tells that one by a push. A waiter whose sign of life is too
-- old, or whose push nobody received, is dropped; should it live after all it queues again with its next poll. Every
-- turn of the loop removes an entry, and an instance has one entry, so the cost is constant per entry ever queued.
-- Returns 'self' if the first live waiter is the client `self`, who is then left to be granted by the caller; 'other' if
-- another got the lock; nil if nobody waits.
local function grant_next(self)
  while true do
    local client = redis.call('ZPOPMIN', queue)[1]
    if not client then return nil end
    local entry = redis.call('HGET', waiters, client)
    redis.call('HDEL', waiters, client)
    if client == self then return 'self' end
    if entry then
      local alive, claim, token, label = string.match(entry, '^(%d+)|(%d+)|([^|]*)|(.*)$')
      if tonumber(alive) * 1000 >= now_micros() then
        local first = next_fence(BLOCK)
        local push = first .. '|' .. BLOCK .. '|' .. token .. '|' .. lock
        -- pcall: where the channel is forbidden to the caller, the waiter's next poll finds the lock free.
        local received = redis.pcall('PUBLISH', 'dmutex:grants:' .. client, push)
        if type(received) == 'number' and received > 0 then
          set_owner(token, first, label, claim)
          return 'other'
        end
      end
    end
  end
end
