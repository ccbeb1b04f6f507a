-- Frees the lock if it was taken by SET, without a script, and nobody has queued behind that.
--
-- KEYS[1] lock   ARGV[1] the value: token||label
--
-- Returns 1 if so. 0: release.lua knows more.

if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
