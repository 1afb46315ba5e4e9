-- An entry for the last resort: it may be past its time, but not past its end.
--
-- KEYS  1 entries        ARGV  1 fingerprint  2 how old it may be at most, ms
-- Returns {entry, age in ms}, or nil.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local entry, age = entry_find(KEYS[1], ARGV[1], now_ms, tonumber(ARGV[2]), true)
return entry and { entry, age } or false
