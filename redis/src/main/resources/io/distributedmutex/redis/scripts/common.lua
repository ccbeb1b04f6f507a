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

-- From here on the counter leaves no room for a block below 2^53, beyond which neither Lua nor JSON counts by ones.
local FENCE_LIMIT = 9007199254740992 - BLOCK

-- So much of the owner's value is told: all of ours. What others wrote may be huge, and goes to every waiter at each poll.
local TOLD_BYTES = 512

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

-- The last fencing token given. A counter that none of us wrote counts as lost, so that the clock decides.
local function last_fence()
  local digits = string.match(redis.call('GET', fence) or '', '^%d+$')
  local last = digits and tonumber(digits) or 0
  return last < FENCE_LIMIT and last or 0
end

-- Takes `count` consecutive numbers and returns the first, as text. The clock makes them rise even when the counter was
-- lost, the counter makes them rise even when the clock steps back. Below 2^53 until the year 2255.
local function next_fence(count)
  local first = math.max(now_micros(), last_fence() + 1)
  redis.call('SET', fence, string.format('%.0f', first + count - 1))
  return string.format('%.0f', first)
end

local function set_owner(token, first, label, millis)
  redis.call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', millis)
end

-- The lock is free: grants it to the first live waiter, and tells that one by a push. A waiter whose sign of life is too
-- old, whose entry none of us wrote, or whose push nobody received, is dropped; should it live after all it queues again
-- with its next poll. Every turn of the loop removes an entry, and an instance has one entry, so the cost is constant per
-- entry ever queued.
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
      -- Looked at before anything is told: a claim that SET refuses would leave a holder without a lock, a token that
      -- is none a lock without a holder. The longest lease, 365 days, has 11 digits.
      local alive, claim, token, label = string.match(entry, '^(%d+)|([1-9]%d*)|([%w_-]+)|(.*)$')
      if alive and #claim <= 11 and #token == 22 and tonumber(alive) * 1000 >= now_micros() then
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
