-- Leaves the queue; if the token was granted the lock meanwhile, gives it back.
--
-- ARGV[1] token   ARGV[2] its entry: token|client|label   ARGV[3] its entry under the client's name before, or absent
--
-- Returns HELD if the token owned the lock until now, else why not.

-- include common
-- include ownership
local token = ARGV[1]
for i = 2, #ARGV do
  call('ZREM', queue, ARGV[i])
  call('HDEL', waiters, ARGV[i])
end
-- pcall: the lock key may have become something else, and the queue is to be left all the same.
local value = redis.pcall('GET', lock)
if type(value) == 'table' then return TAKEN end
if not owns(value, token) then return why_not(value) end
-- Not deleted yet: while a slot of a cluster moves, a script cannot write a key that is gone. 1 ms is over when this script is.
call('PEXPIRE', lock, 1)

-- include fence
-- include grant
if not grant_next(nil) then
  call('DEL', lock)
end
return HELD
