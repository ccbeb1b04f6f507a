-- Tries once each command that the other scripts run (but PUBSUB, without which they go on), on keys that nobody else knows, so as to tell what the user may not
-- do. Changes nothing: of what it would write to none is there, or what it says has no proper form.
--
-- KEYS as in common.lua, or none, where some of them are refused as a whole
-- ARGV[1] to ARGV[4] the same keys   ARGV[5] a channel such as grants are pushed by, to which nobody has subscribed
-- ARGV[6] the command that publishes there
--
-- Returns what was refused: for each command its name, the key or channel, and what Redis said.

local lock, queue, waiters, fence, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local refused = {}

local function try(on, command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) == 'table' and reply.err then
    for _, text in ipairs({command, on, reply.err}) do refused[#refused + 1] = text end
  end
end

try(lock, 'EXISTS', lock)
try(lock, 'GET', lock)
try(lock, 'SET', lock, '-', 'XX', 'PX', 1000)
try(lock, 'SETRANGE', lock, -1, '-')
try(lock, 'PTTL', lock)
try(lock, 'PEXPIRE', lock, 1000)
try(lock, 'DEL', lock)

try(queue, 'EXISTS', queue)
try(queue, 'ZADD', queue, 'XX', 1, 'probe')
try(queue, 'ZSCORE', queue, 'probe')
try(queue, 'ZPOPMIN', queue)
try(queue, 'ZREM', queue, 'probe')
try(queue, 'ZCARD', queue)
try(queue, 'PTTL', queue)
try(queue, 'PEXPIRE', queue, 1000)

try(waiters, 'HGET', waiters, 'probe')
try(waiters, 'PEXPIRE', waiters, 1000)
try(waiters, 'HDEL', waiters, 'probe')
-- A field without a value is refused for its form, but only after the user's rights were looked at.
try(waiters, 'HSET', waiters, 'probe', '', 'probe')

-- The counter of the slot is there for others: ids that are none are refused, but only after the user's rights were looked at.
try(fence, 'EXISTS', fence)
try(fence, 'XADD', fence, '0-0', '', '')
try(fence, 'XSETID', fence, 'none')

try(channel, ARGV[6], channel, '')
return refused
