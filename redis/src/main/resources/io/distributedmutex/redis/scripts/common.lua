-- Every script but free, probe and those that write for users begins with this. A line "-- include NAME" stands for the text of NAME.lua. An argument that a command takes as it
-- came stays text: turning a number into an argument costs as much as a command. Each key and argument costs a quarter as much.
--
-- KEYS[1] lock     STRING  the owner, always with a TTL. Absent: free. Three forms:
--                          token|fence|label   granted by a script
--                          token||label        taken by SET, without a script; nobody has queued since
--                          token!|label        taken by SET; somebody has queued since
-- KEYS[2] queue    ZSET    token|client|label -> arrival number: who waits, first come first. The number is a fencing token, so
--                          it says when; with a half behind if the hash has more on the entry.
-- KEYS[3] waiters  HASH    token|client|label -> alive|claim: of who has polled since, or waits in an unusual way; a '!' behind
--                          alive if pushes do not reach it.
-- KEYS[4] fence    STREAM  without entries: its last id is the last fencing token given for any key of this slot. No TTL.

local lock, queue, waiters, fence = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call = redis.call

-- How long a waiter counts as alive, and how long a grant to it lasts, both in ms: usually. RedisLockStore tells what differs.
local ALIVE, CLAIM = '2000', '2000'

-- Codes for "did the token own the lock?"
local NOT_ASKED, HELD, TAKEN, GONE, STORE_LOST, HANDED_ON = 0, 1, 2, 3, 4, 5

-- How much of the owner's value is returned: all of ours. Others' may be huge, and goes to every waiter at each poll.
local TOLD_BYTES = 512
