-- From now on no answer is given that was asked for before: of the whole tenant, a task, a key, a tag or an end user. Their room is taken back later.
--
-- KEYS  1 entries        ARGV  1 what, as the entries' books name it: "!all", "!task|...", "!key|...", "!tag|...", "!end_user|..."
-- Returns the time of the purge, Unix ms.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local mark = string.format('%.0f', now_ms)
redis.call('HSET', KEYS[1], ARGV[1], mark, '!purged', mark)
return now_ms
