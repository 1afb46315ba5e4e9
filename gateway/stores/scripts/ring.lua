-- Shared by the scripts: the last minute of a subject as a ring of 21 slots of 3 seconds, packed into one hash field.
--
-- A window of 21 slots always covers the last 60 s (20 whole slots and the present one), so no 60 s ever hold more than a limit
-- that is checked against the sum. `held` is what reservations under way hold of the tokens.
local SLOT_SECONDS, SLOTS = 3, 21

local function ring_read(packed, slot)
  local ring
  if packed then
    local state = cmsgpack.unpack(packed)
    ring = { head = state[1], held = state[2], r = state[3], t = state[4] }
  else
    ring = { head = slot, held = 0, r = {}, t = {} }
    for index = 1, SLOTS do ring.r[index] = 0 ring.t[index] = 0 end
  end
  if slot > ring.head then -- a clock that was set back stays in the head's slot
    for passed = math.max(ring.head + 1, slot - SLOTS + 1), slot do
      local index = passed % SLOTS + 1
      ring.r[index] = 0
      ring.t[index] = 0
    end
    ring.head = slot
  end
  ring.requests, ring.tokens = 0, 0
  for index = 1, SLOTS do
    ring.requests = ring.requests + ring.r[index]
    ring.tokens = ring.tokens + ring.t[index]
  end
  return ring
end

local function ring_pack(ring)
  return cmsgpack.pack({ ring.head, ring.held, ring.r, ring.t })
end

local function ring_add(ring, slot, requests, tokens)
  if slot <= ring.head - SLOTS then return end -- has left the window
  local index = math.min(slot, ring.head) % SLOTS + 1
  ring.r[index] = math.max(0, ring.r[index] + requests)
  ring.t[index] = math.max(0, ring.t[index] + tokens)
end

-- Milliseconds until `counts` (ring.r or ring.t), which sum up to `sum`, are down to `goal`.
local function ring_wait(ring, counts, sum, goal, now_ms)
  for ahead = 1, SLOTS do
    sum = sum - counts[(ring.head + ahead) % SLOTS + 1]
    if sum <= goal then return (ring.head + ahead) * SLOT_SECONDS * 1000 - now_ms end
  end
  return SLOTS * SLOT_SECONDS * 1000
end
