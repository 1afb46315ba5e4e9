-- Begin a tenant's counters anew: there are none, or they are of another run of the server. Holds that are there stay held.
--
-- KEYS  1 the tenant's counters  2 holds        ARGV  1 mark of the new epoch  2 whether anything was used before  3 ms to keep requests out then
-- Returns 1 if they were opened, 0 if they are open.
local stored = redis.call('HGET', KEYS[1], 'epoch')
if current(stored) then return 0 end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + 1
local since, opens = 0, 0
if stored or ARGV[2] == '1' then since, opens = now_ms, now_ms + tonumber(ARGV[3]) end
local epoch = string.format('%s:%.0f:%.0f:%s', ARGV[1], since, opens, server_run())
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', epoch)
local all = redis.call('HGETALL', KEYS[2])
for index = 1, #all, 2 do
  local hold = cmsgpack.unpack(all[index + 1])
  local demand = cmsgpack.unpack(hold[8])
  if hold[6] ~= KEYS[1] then begin_user(hold[6], epoch, demand[14]) end
  hold_again({ KEYS[1], hold[6] }, demand, hold[1], hold[2])
  hold[7][4] = epoch
  redis.call('HSET', KEYS[2], all[index], cmsgpack.pack(hold))
end
return 1
