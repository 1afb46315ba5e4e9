-- Put a hold back that was lost with Redis's data while its request is still under way. Twice is once.
--
-- KEYS  1 the tenant's counters  2 holds  3 leases  4 the end user's counters, or again 1
-- ARGV  1 request id  2 the demand, as for reserve.lua  3 output cap that was granted  4 epoch in which it was lost (the present one)  5 record
--
-- Only held amounts come back: what was used is the ledger's to tell. Returns 1 if it was put back.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[4] or redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
local demand = cmsgpack.unpack(ARGV[2])
local cap = tonumber(ARGV[3])
local choices = demand[7]
local tokens = demand[4] + cap * choices
local nano = demand[8] + math.ceil(cap * demand[9] * choices / 1000)
local amounts, keys = { 1, tokens, nano }, { KEYS[1], KEYS[4] }
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local seen = { {}, {} } -- limits on the same thing share a counter
for _, item in ipairs(demand[10]) do
  if not seen[item[1]][item[2]] then
    seen[item[1]][item[2]] = true
    redis.call('HINCRBY', keys[item[1]], 'h' .. item[2], string.format('%.0f', amounts[item[3]]))
  end
end
for _, item in ipairs(demand[12]) do redis.call('HINCRBY', keys[item[1]], item[2], 1) end
if KEYS[4] ~= KEYS[1] and demand[14] > 0 then redis.call('EXPIRE', KEYS[4], demand[14]) end
local reply = { 'ok', cap, 0, ARGV[4], 0, -1, 0, -1, {} }
redis.call('HSET', KEYS[2], ARGV[1], cmsgpack.pack({ tokens, nano, 0, cap, now_ms, KEYS[4], reply, ARGV[2], ARGV[5] }))
redis.call('ZADD', KEYS[3], now_ms + demand[1], ARGV[1])
return 1
