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

-- Takes `count` consecutive numbers and returns the first, as text. The clock makes them rise even when the counter was
-- lost, the counter makes them rise even when the clock steps back. Below 2^53 until the year 2255.
local function next_fence(count)
  local time = call('TIME')
  -- Text with as many digits as another compares as the numbers do.
  local micros = time[2]
  if #micros < 6 then micros = string.sub('00000' .. micros, -6) end
  local first = time[1] .. micros
  local till = count == 1 and first or string.format('%.0f', first + count - 1)
  local last = call('SET', fence, till, 'GET')
  if not last or (#last == #first and last < first) then return first end
  -- The clock has stepped back, or has not moved on by as much as was given away at once.
  local number = math.max(tonumber(first), fence_number(last) + 1)
  call('SET', fence, string.format('%.0f', number + count - 1))
  return string.format('%.0f', number)
end

local function set_owner(token, first, label, millis)
  call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', millis)
end
