-- A lease is given: its fencing token.
--
-- A fencing token is the id of a stream entry, ms-seq, written as ms * 1000 + seq. XADD makes ids that rise by the server's
-- clock, and also where the clock steps back or the counter is lost: max(clock, last + 1) in one native command. So each also
-- says when it was given, by a clock that never steps back, and nothing else needs to ask for the time.

-- Beyond this year (2255) tokens would be 2^53 or more, and neither Lua nor JSON counts by ones there.
local LAST_MILLIS = 9007199254740

local function next_id()
  local id = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')
  local is_foreign
  if type(id) == 'string' then
    local millis, seq = string.match(id, '^(%d+)-(%d+)$')
    if tonumber(millis) < LAST_MILLIS then return tonumber(millis), tonumber(seq) end
    is_foreign = true
  else
    is_foreign = string.find(id.err, 'WRONGTYPE', 1, true) or string.find(id.err, 'exhausted', 1, true)
  end
  -- What none of us can have written counts as lost, so that the clock decides. Any other error is raised here.
  if is_foreign then call('DEL', fence) end
  local millis, seq = string.match(call('XADD', fence, 'MAXLEN', '0', '*', '', ''), '^(%d+)-(%d+)$')
  return tonumber(millis), tonumber(seq)
end

-- Takes `count` consecutive numbers and returns the first, as text.
local function next_fence(count)
  local millis, seq = next_id()
  local last = seq + count - 1
  if last > 999 then
    -- The millisecond is full. The counter goes ahead of the clock.
    millis, seq, last = millis + 1, 0, count - 1
    call('XSETID', fence, string.format('%.0f-%d', millis, last))
  elseif count > 1 then
    call('XSETID', fence, string.format('%.0f-%d', millis, last))
  end
  return string.format('%.0f', millis * 1000 + seq)
end
