-- Draws a fencing token as it usually is; its text is `number`. That is nil if anything is unusual: then fence.lua draws anew.
local id, number, millis, seq = redis.pcall('XADD', fence, 'MAXLEN', '0', '*', '', '')
if type(id) == 'string' then
  millis, seq = string.match(id, '^(%d%d%d%d%d%d%d%d%d%d%d%d%d)-(%d%d?%d?)$')
  if millis and millis < '9007199254740' then number = millis .. string.sub('00' .. seq, -3) end
end
