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
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if KEYS[4] ~= KEYS[1] then begin_user(KEYS[4], ARGV[4], demand[14]) end
hold_again({ KEYS[1], KEYS[4] }, demand, tokens, nano)
local reply = { 'ok', cap, 0, ARGV[4], 0, -1, 0, -1, {} }
redis.call('HSET', KEYS[2], ARGV[1], cmsgpack.pack({ tokens, nano, math.floor(now_ms / 1000 / SLOT_SECONDS), cap, now_ms, KEYS[4], reply, ARGV[2], ARGV[5] }))
redis.call('ZADD', KEYS[3], now_ms + demand[1], ARGV[1])
return 1
