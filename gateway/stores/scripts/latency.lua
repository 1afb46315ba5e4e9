-- How long a model's calls took in the last minutes, over all processes.
--
-- KEYS  1 a hash: counts by 'minute|kind|bucket'     ARGV  1 kind, bucket, count, kind, bucket, count, ...
-- Returns {kind, bucket, count, ...} of the last KEPT minutes.
local KEPT = 5
local minute = math.floor(tonumber(redis.call('TIME')[1]) / 60)
for index = 1, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[1], minute .. '|' .. ARGV[index] .. '|' .. ARGV[index + 1], ARGV[index + 2])
end
local sums, order = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local at, name = string.match(all[index], '^(%d+)|(.+)$')
  if tonumber(at) <= minute - KEPT then
    redis.call('HDEL', KEYS[1], all[index])
  else
    if not sums[name] then order[#order + 1] = name end
    sums[name] = (sums[name] or 0) + tonumber(all[index + 1])
  end
end
redis.call('EXPIRE', KEYS[1], KEPT * 60)
local found = {}
for _, name in ipairs(order) do
  local kind, bucket = string.match(name, '^(.+)|(%d+)$')
  found[#found + 1] = kind
  found[#found + 1] = tonumber(bucket)
  found[#found + 1] = sums[name]
end
return found
