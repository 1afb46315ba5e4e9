-- What requests under way hold, for a ring of the last minute that is read from the ledger.
--
-- KEYS  1 holds        Returns {request id, demand, tokens held, slot of scripts/ring.lua that it was let in in, ...}
local found = {}
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local hold = cmsgpack.unpack(all[index + 1])
  for _, value in ipairs({ all[index], hold[8], hold[1], hold[3] }) do found[#found + 1] = value end
end
return found
