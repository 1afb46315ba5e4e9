-- Make what one hash of counters says is held, and under way, equal to the holds there are.
--
-- KEYS  1 holds  2 the hash: the tenant's, or an end user's        ARGV  1 which hash it is in a demand (1 or 2)  2 the end user
-- Returns {field, change, ...}
local hash = tonumber(ARGV[1])
local truth = {}
local entries = redis.call('HVALS', KEYS[1])
for _, packed in ipairs(entries) do
  local hold = cmsgpack.unpack(packed)
  local demand = cmsgpack.unpack(hold[8])
  if hash == 1 or demand[2] == ARGV[2] then
    local amounts = { 1, hold[1], hold[2] }
    local seen = {} -- limits on the same thing share a counter
    for _, item in ipairs(demand[10]) do
      if item[1] == hash and not seen[item[2]] then
        seen[item[2]] = true
        truth['h' .. item[2]] = (truth['h' .. item[2]] or 0) + amounts[item[3]]
      end
    end
    for _, item in ipairs(demand[12]) do
      if item[1] == hash then truth[item[2]] = (truth[item[2]] or 0) + 1 end
    end
  end
end
local changes = {}
local all = redis.call('HGETALL', KEYS[2])
for index = 1, #all, 2 do
  local field = all[index]
  local is_held = string.sub(field, 1, 1) == 'h' and string.find(field, '|', 1, true)
  if is_held or string.sub(field, 1, 5) == 'slot|' then
    local change = (truth[field] or 0) - tonumber(all[index + 1])
    if change ~= 0 then
      redis.call('HINCRBY', KEYS[2], field, string.format('%.0f', change))
      changes[#changes + 1] = field
      changes[#changes + 1] = string.format('%.0f', change)
    end
  end
end
return changes
