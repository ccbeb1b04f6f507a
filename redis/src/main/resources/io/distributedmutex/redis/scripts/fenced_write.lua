-- Writes a key unless a greater fencing token has written it, and remembers the token.
--
-- KEYS  1 the fence: the greatest token so far   2 the key
-- ARGV  1 the fencing token   2 for how many ms the fence is remembered, 0 for ever
--       3 the command; what follows are its arguments after the key; absent if the token is only to be checked
-- Returns the greatest token seen before, or false if there was none; and the command's reply, unless that token is greater.

local seen = redis.call('GET', KEYS[1])
if seen and not (#seen <= 16 and string.find(seen, '^%d+$')) then
  return redis.error_reply("ERR the fence holds no fencing token: " .. KEYS[1])
end
if seen and tonumber(seen) > tonumber(ARGV[1]) then
  return {seen}
end
if ARGV[2] == '0' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
if not ARGV[3] then
  return {seen}
end
return {seen, redis.call(ARGV[3], KEYS[2], unpack(ARGV, 4))}
