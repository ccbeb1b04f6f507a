-- Runs a script only while a lease owns its lock. This is what stands behind the script, which HeldWrites makes the body of a
-- function: local body = function() ... end
--
-- KEYS  the script's own, and last the lock   ARGV  the script's own, and last the token of the lease
-- Returns 1 and the script's reply, if it is not nil; 0 if nobody owns the lock; 2 if somebody else does. Errors pass.

-- include ownership
local token = table.remove(ARGV)
local value = redis.call('GET', table.remove(KEYS))
if not owns(value, token) then return {value and 2 or 0} end
local reply = body()
if type(reply) == 'table' and reply.err then return reply end
return {1, reply}
