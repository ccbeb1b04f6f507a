-- Whether a token owns the lock, by the value of its key, and if not, why.

local function owns(value, token)
  if not value or string.sub(value, 1, #token) ~= token then return false end
  local after = string.sub(value, #token + 1, #token + 1)
  return after == '|' or after == '!'
end

local function why_not(value)
  if value then return TAKEN end
  -- A script that declares no fence leaves this to its caller.
  if not fence or call('EXISTS', fence) == 1 then return GONE end
  return STORE_LOST
end
