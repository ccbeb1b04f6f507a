-- A lease is given: its fencing token, and the owner's value.

-- How many fencing tokens a lease gets that its instance may pass on locally.
local BLOCK = 64

-- From here on the counter leaves no room for a block below 2^53, beyond which neither Lua nor JSON counts by ones.
local FENCE_LIMIT = 9007199254740992 - BLOCK

-- A fencing token as a number. A counter that none of us wrote counts as lost, so that the clock decides.
local function fence_number(value)
  local digits = string.match(value or '', '^%d+$')
  local last = digits and tonumber(digits) or 0
  return last < FENCE_LIMIT and last or 0
end

-- Server time in microseconds. Redis freezes it while a script runs only from 7.2 on: nothing may rely on that.
local function now_micros()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Takes `count` consecutive numbers and returns the first, as text. The clock makes them rise even when the counter was
-- lost, the counter makes them rise even when the clock steps back. Below 2^53 until the year 2255.
local function next_fence(count)
  local first = math.max(now_micros(), fence_number(call('GET', fence)) + 1)
  call('SET', fence, string.format('%.0f', first + count - 1))
  return string.format('%.0f', first)
end

local function set_owner(token, first, label, millis)
  call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', millis)
end
