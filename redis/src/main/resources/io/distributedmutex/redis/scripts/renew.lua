-- Makes the lease last longer, counted from now, if the token owns the lock. Never shortens it.
--
-- ARGV[1] token   ARGV[2] lease, ms
--
-- Only the lock is declared: while a slot of a cluster moves, a script is refused if its other keys are elsewhere.
--
-- Returns HELD, or why the token does not own the lock; GONE also if the store has lost it.

-- include common
-- include ownership
local token, lease = ARGV[1], ARGV[2]
local value = call('GET', lock)
if not owns(value, token) then return why_not(value) end
if call('PTTL', lock) < tonumber(lease) then call('PEXPIRE', lock, lease) end
return HELD
