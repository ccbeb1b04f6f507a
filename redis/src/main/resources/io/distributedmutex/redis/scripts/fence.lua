-- A lease is given: its fencing token, and the owner's value.

-- How many fencing tokens a lease gets that its instance may pass on locally.
local BLOCK = 64

-- From here on the counter leaves no room for a block below 2^53, beyond which neither Lua nor JSON counts by ones.
local FENCE_LIMIT = 9007199254740992 - BLOCK

-- Server time in microseconds, asked for once in a script. (Redis itself freezes it while a script runs only from 7.2 on.)
local now
local function now_micros()
  if not now then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  end
  return now
end

-- The last fencing token given, asked for once in a script. A counter that none of us wrote counts as lost, so that the
-- clock decides.
local counter
local function last_fence()
  if not counter then
    local digits = string.match(call('GET', fence) or '', '^%d+$')
    counter = digits and tonumber(digits) or 0
    if counter >= FENCE_LIMIT then counter = 0 end
  end
  return counter
end

-- Takes `count` consecutive numbers and returns the first, as text. The clock makes them rise even when the counter was
-- lost, the counter makes them rise even when the clock steps back. Below 2^53 until the year 2255.
local function next_fence(count)
  local first = math.max(now_micros(), last_fence() + 1)
  counter = first + count - 1
  call('SET', fence, string.format('%.0f', counter))
  return string.format('%.0f', first)
end

local function set_owner(token, first, label, millis)
  call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', millis)
end
