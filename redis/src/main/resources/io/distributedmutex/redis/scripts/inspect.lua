-- Looks at the lock and changes nothing.
--
-- Returns {the beginning of the owner's value, its TTL in ms or -1, number of waiting instances}, or false if the lock is free.

-- include common
local value = call('GET', lock)
if not value then return false end
return {string.sub(value, 1, TOLD_BYTES), call('PTTL', lock), call('ZCARD', queue)}
