-- Prolong the leases of requests under way.
--
-- KEYS  1 the tenant's counters  2 leases        ARGV  1 end of the leases from now, ms  2... request ids
-- Returns {epoch, or '' if the counters are to be opened again, request ids whose holds are gone}
local time = redis.call('TIME')
local until_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[1])
local gone = {}
for index = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[2], ARGV[index]) then
    redis.call('ZADD', KEYS[2], until_ms, ARGV[index])
  else
    gone[#gone + 1] = ARGV[index]
  end
end
return { current(redis.call('HGET', KEYS[1], 'epoch')) or '', gone }
