-- The next waiter gets the lock. Needs fence.lua.

-- Grants the lock to the first live waiter, and publishes a push to that one. Whoever owned it has given it up; its value is
-- gone, or is replaced. A waiter is dropped if its sign of life is too old, if its entry is none of ours, or if
-- nobody received its push though it is subscribed. A dropped waiter that lives queues again with its next poll. Every turn of
-- the loop removes an entry, and an instance has one entry, so the cost is constant per entry ever queued.
-- Returns 'self' if the first live waiter is the client `self`, whom the caller then grants; 'other' if another got the lock;
-- nil if nobody waits: then the lock is as it was.
local function grant_next(self)
  -- ZPOPMIN is the first write of a script that releases, and one that Redis allows at its memory limit. After that it
  -- lets the script go on.
  while true do
    local client = call('ZPOPMIN', queue)[1]
    if not client then return nil end
    local entry = call('HGET', waiters, client)
    call('HDEL', waiters, client)
    if client == self then return 'self' end
    if entry then
      -- Looked at before anything is told: a claim that SET refuses would leave a holder without a lock, a token that
      -- is none a lock without a holder. The longest lease, 365 days, has 11 digits.
      local alive, polls, claim, token, label = string.match(entry, '^(%d+)(!?)|([1-9]%d*)|([%w_-]+)|(.*)$')
      if alive and #claim <= 11 and #token == 22 and tonumber(alive) >= now_millis() then
        local first = next_fence(BLOCK)
        local push = first .. '|' .. BLOCK .. '|' .. token .. '|' .. lock
        -- A name that is longer than its 22 random characters is that of a waiter in a cluster with a channel in this slot.
        local publish, channel = 'PUBLISH', 'dmutex:grants:' .. client
        if #client > 22 then
          publish, channel = 'SPUBLISH', 'dmutex:grants:' .. string.match(queue, '{%w+}') .. client
        end
        -- pcall: where the channel is forbidden to the caller, the waiter's next poll finds the lock free.
        local received = redis.pcall(publish, channel, push)
        if polls == '!' or type(received) == 'number' and received > 0 then
          set_owner(token, first, label, claim)
          return 'other'
        end
      end
    end
  end
end
