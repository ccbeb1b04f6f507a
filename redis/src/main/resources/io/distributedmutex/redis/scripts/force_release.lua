-- Takes the lock from whoever owns it, ours or foreign: grants it to the first live waiter, else frees it.
--
-- Returns what inspect.lua would have returned just before, or false if the lock was free.

-- include common
local value = call('GET', lock)
if not value then return false end
local before = {string.sub(value, 1, TOLD_BYTES), call('PTTL', lock), call('ZCARD', queue)}
call('DEL', lock)

-- include fence
-- include grant
grant_next(nil)
return before
