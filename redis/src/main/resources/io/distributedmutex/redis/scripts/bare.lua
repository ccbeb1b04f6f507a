-- A lock that was taken by SET, without a script: its value has no fencing token. Needs ownership.lua.

-- Whether a value is one of ours, without a fencing token, and nobody has queued since.
local function is_bare(value)
  return value and string.find(value, '^[%w_-]+||') and string.find(value, '|', 1, true) == 23
end

-- Whether the token took the lock although others queued: the owner before had died, and nobody was granted yet. It was not told
-- of a grant, for it looks at the queue after SET. Whoever is the first to queue later leaves a mark.
local function is_barging(value, token)
  return owns(value, token) and is_bare(value) and call('EXISTS', queue) == 1
end
