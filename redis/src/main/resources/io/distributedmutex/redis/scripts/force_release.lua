-- Takes the lock from whoever owns it, ours or foreign: grants it to the first live waiter, else frees it.
--
-- Returns what inspect.lua would have returned just before, or false if the lock was free.

-- include common
local value = call('GET', lock)
if not value then return false end
local before = {string.sub(value, 1, TOLD_BYTES), call('PTTL', lock), call('ZCARD', queue)}
-- Not deleted yet: while a slot of a cluster moves, a script cannot write a key that is gone. 1 ms is over when this script is.
call('PEXPIRE', lock, 1)

-- include fence
-- include grant
if not grant_next(nil) then
  call('DEL', lock)
end
return before
