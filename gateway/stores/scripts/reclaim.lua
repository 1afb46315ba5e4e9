-- Take entries out that are purged, past their end or broken: some of them, in the order of their age.
--
-- KEYS  1 entries  2 their ages        ARGV  1 how many to pass over  2 how many to look at
-- Returns {looked at, taken out}.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local first = tonumber(ARGV[1])
local digests = redis.call('ZRANGE', KEYS[2], first, first + tonumber(ARGV[2]) - 1)
if #digests == 0 then return { 0, 0 } end
local gone = {}
for index, entry in ipairs(redis.call('HMGET', KEYS[1], unpack(digests))) do
  local times = entry and entry_times(entry)
  if not times or now_ms >= times[3] or entry_is_purged(KEYS[1], entry, times[4]) then gone[#gone + 1] = digests[index] end
end
local freed = entries_drop(KEYS[1], KEYS[2], gone)
if freed > 0 then redis.call('HINCRBY', KEYS[1], '!bytes', -freed) end
return { #digests, #gone }
