-- Frees the lock if its value is still what one of us wrote who was granted it at once, and nobody has queued behind that.
--
-- KEYS[1] lock   ARGV[1] the value: token||label
--
-- Returns 1 if so. 0: release.lua knows more.

if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
