-- Gives the lock back: grants it to the first live waiter, else frees it. Touches nothing that the token does not own.
--
-- ARGV[1] token   ARGV[2] how long the key stays taken still (minimum hold), ms; absent if it does not
--
-- Returns HELD, or HANDED_ON if it went to a waiter, or why the token did not own the lock.

-- include common
-- include ownership
local token, keep = ARGV[1], ARGV[2]
local value = call('GET', lock)
if not owns(value, token) then return why_not(value) end
if keep then
  -- First: after a first write Redis lets a script go on at its memory limit. Not deleted: while a slot of a cluster moves, a
  -- script cannot write a key that is gone.
  call('PEXPIRE', lock, 1)
  -- Owned by nobody: '-' is no token.
  call('SET', lock, '-' .. string.sub(value, #token + 1), 'PX', keep)
  return HELD
end

-- include grant
if grant_next(nil) then return HANDED_ON end
call('DEL', lock)
return HELD
