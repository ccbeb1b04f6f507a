-- Sets how long the lease lasts from now, if the token owns the lock.
--
-- ARGV[1] token   ARGV[2] lease, ms   ARGV[3] '1' to shorten a lease that lasts longer, '0' only to lengthen it
--
-- Returns HELD, or why the token does not own the lock.

-- include common
-- include ownership
local token, lease, exact = ARGV[1], ARGV[2], ARGV[3] == '1'
local value = call('GET', lock)
if not owns(value, token) then return why_not(value) end
if exact or call('PTTL', lock) < tonumber(lease) then call('PEXPIRE', lock, lease) end
return HELD
