-- The next waiter gets the lock.

-- How many fencing tokens a lease gets that its instance may pass on locally.
local BLOCK = 64

-- Grants the lock to the first live waiter, and publishes a push to that one. Whoever owned it has given it up; its value is
-- gone, or is replaced. A waiter is dropped if its sign of life is too old, if its entry is none of ours, or if
-- nobody received its push though it is subscribed here. A dropped waiter that lives queues again with its next poll. Every turn of
-- the loop removes an entry, so the cost is constant per entry ever queued.
-- Returns 'self' if the first live waiter is the entry `self`, whom the caller then grants; 'other' if another got the lock;
-- nil if nobody waits: then the lock is as it was, or ends in 1 ms.
local function grant_next(self)
  local first
  while true do
    -- The first write of a script that releases, and one that Redis allows at its memory limit. After that it lets the
    -- script go on. Whatever stands in the place of the queue, the lock is free.
    local popped = redis.pcall('ZPOPMIN', queue)
    if popped.err then
      call('PEXPIRE', lock, 1)
      popped = call('ZPOPMIN', queue)
    end
    local entry, arrival = popped[1], popped[2]
    if not entry then return nil end
    local alive, polls, claim
    if arrival % 1 ~= 0 then
      call('PEXPIRE', lock, 1)
      alive, polls, claim = string.match(call('HGET', waiters, entry) or '', '^(%d+)(!?)|([1-9]%d*)$')
      call('HDEL', waiters, entry)
    else
      alive, claim = arrival / 1000 + ALIVE, CLAIM
    end
    if entry == self then return 'self' end
    -- Looked at before anything is told: a claim that SET refuses would leave a holder without a lock, a token that
    -- is none a lock without a holder. The longest lease, 365 days, has 11 digits.
    local token, client, label = string.match(entry, '^([%w_-]+)|([%w_-]+)|(.*)$')
    if alive and #claim <= 11 and token and #token == 22 then
      -- Nobody has heard of a number that was drawn for one who was dropped.
      if not first then
-- include draw
        if number and seq + BLOCK <= 1000 then
          call('XSETID', fence, millis .. '-' .. seq + BLOCK - 1)
          first = number
        else
-- include fence
          first = next_fence(BLOCK)
        end
      end
      if tonumber(alive) >= math.floor(first / 1000) then
        local push = first .. '|' .. BLOCK .. '|' .. token .. '|' .. lock
        local publish, channel, enough = 'PUBLISH', 'dmutex:grants:' .. client, 1
        -- A name that is longer than its 22 random characters is that of a waiter in a cluster. That carries a push also to those
        -- whom this node does not count: they are subscribed at another one, which was the master, or had the slot. So nothing is
        -- told to them. Where it is forbidden to ask, whoever may hear of it has it; but nobody hears of what cannot be published:
        -- an older node has no sharded channels, and its waiter is about to come again under another name.
        if #client > 22 then
          local ask = 'NUMSUB'
          if string.find(client, 'shard-', 1, true) == 1 then
            publish, channel, ask = 'SPUBLISH', 'dmutex:grants:' .. string.match(queue, '{%w+}') .. client, 'SHARDNUMSUB'
          end
          local counted = redis.pcall('PUBSUB', ask, channel)
          if counted[2] == 0 then publish = nil else enough = 0 end
        end
        -- pcall: where the channel is forbidden to the caller, the waiter's next poll finds the lock free.
        local received = publish and redis.pcall(publish, channel, push)
        if publish and polls == '!' or type(received) == 'number' and received >= enough then
          call('SET', lock, token .. '|' .. first .. '|' .. label, 'PX', claim)
          return 'other'
        end
      end
    end
  end
end
