-- Holds whose leases are over: their processes died, or have lost sight of Redis.
--
-- KEYS  1 holds  2 leases        ARGV  1 how many at most
-- Returns for each {request id, output cap, tokens held, nano-dollars held, demand, record}
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, ARGV[1])) do
  local packed = redis.call('HGET', KEYS[1], id)
  if packed then
    local hold = cmsgpack.unpack(packed)
    found[#found + 1] = { id, hold[4], hold[1], string.format('%.0f', hold[2]), hold[8], hold[9] }
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return found
