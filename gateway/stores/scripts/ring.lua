-- Shared by the scripts: the last minute of a subject as a ring of 21 slots of 3 seconds, packed into one hash field (billing.rings).
--
-- A window of 21 slots always covers the last 60 s (20 whole slots and the present one), so no 60 s ever hold more than a limit
-- that is checked against the sum. `held` is what reservations under way hold of the tokens. Sums are kept beside the slots, and the
-- slots stay packed: a request touches one of them.
local SLOT_SECONDS, SLOTS = 3, 21
local RING_HEAD, RING_SLOT = '>I4dI4d', '>I4d' -- head, held, requests, tokens; of each slot: requests, tokens
local RING_BEGIN, RING_STEP = 24, 12 -- bytes
local RING_EMPTY = string.rep('\0', RING_BEGIN + SLOTS * RING_STEP)

local function ring_slot(ring, slot)
  return struct.unpack(RING_SLOT, ring.packed, RING_BEGIN + slot % SLOTS * RING_STEP + 1)
end

local function ring_put(ring, slot, had_requests, had_tokens, requests, tokens)
  ring.requests = ring.requests - had_requests + requests
  ring.tokens = ring.tokens - had_tokens + tokens
  local at = RING_BEGIN + slot % SLOTS * RING_STEP
  ring.packed = struct.pack(RING_HEAD, ring.head, ring.held, ring.requests, ring.tokens)
    .. string.sub(ring.packed, RING_BEGIN + 1, at)
    .. struct.pack(RING_SLOT, requests, tokens)
    .. string.sub(ring.packed, at + RING_STEP + 1)
end

local function ring_read(packed, slot)
  local ring = { packed = packed or RING_EMPTY }
  ring.head, ring.held, ring.requests, ring.tokens = struct.unpack(RING_HEAD, ring.packed)
  if ring.head == 0 then ring.head = slot end
  if slot > ring.head then -- a clock that was set back stays in the head's slot
    local first = math.max(ring.head + 1, slot - SLOTS + 1)
    ring.head = slot
    for passed = first, slot do
      local requests, tokens = ring_slot(ring, passed)
      ring_put(ring, passed, requests, tokens, 0, 0)
    end
  end
  return ring
end

-- The ring, packed, with that added to what it holds and to one of its slots.
local function ring_add(ring, held, slot, requests, tokens)
  ring.held = math.max(0, ring.held + held)
  slot = math.min(slot, ring.head)
  if slot <= ring.head - SLOTS then -- has left the window
    slot, requests, tokens = ring.head, 0, 0
  end
  local had_requests, had_tokens = ring_slot(ring, slot)
  ring_put(ring, slot, had_requests, had_tokens, math.max(0, had_requests + requests), math.max(0, had_tokens + tokens))
  return ring.packed
end

-- Milliseconds until the requests (1) or the tokens (2), which sum up to `sum`, are down to `goal`.
local function ring_wait(ring, which, sum, goal, now_ms)
  for ahead = 1, SLOTS do
    sum = sum - select(which, ring_slot(ring, ring.head + ahead))
    if sum <= goal then return (ring.head + ahead) * SLOT_SECONDS * 1000 - now_ms end
  end
  return SLOTS * SLOT_SECONDS * 1000
end
