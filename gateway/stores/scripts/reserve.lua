-- Admit a request or say why not: every limit is checked, then every hold is taken, or none.
--
-- KEYS  1 configuration version  2 the tenant's counters  3 holds  4 leases  5 the end user's counters, or again 2
--       6 tiers of end users  7 cached answers  8 the flight of this one, both if the request has a fingerprint
--       last: the idempotency key's entry, if the request has one
-- ARGV  1 version of the caller's snapshot  2 request id  3 the demand, a msgpack array (gateway.stores.counters.Demand):
--       lease ms, end user, tier, input tokens, output cap wanted, least useful cap, choices, input nano-dollars, output
--       pico-dollars per token, counters, rings, slots, fingerprint, seconds to keep the end user's counters, models,
--       whether its answer is in hand already
--       counter: {hash, field, metric, amount, window start ms, verified from ms, mark, model}   amount -1: only counted; mark 0: none;
--         model 0: counts the whole request; else the model of the plan (1 the first) whose calls it counts
--       ring: {hash, field, requests or 0, tokens or 0}      slot: {hash, field, amount}      hash: 1 tenant's, 2 end user's
--       4 the record to write if the request's process dies
--       5 the request's fingerprint, if it has to do with the cache  6 what it may do: "r" be given a cached answer, "o" nothing else,
--       "j" wait for another request that asks the same, or be waited for  7 how old a cached answer may be, ms  8 a flight's lease, ms
--
-- A counter is two fields of a hash: its name holds what was used, "h" and its name what is held. One that is missing is zero only if
-- its window began after counting did; else, and where it is far below zero because that is under way, the ledger is asked ("seed").
-- The epoch says since when counting goes on, and in which run of the server; an end user's counters count in the epoch they name.
-- A limit that was made or changed within the window wants its counter verified since ("v" and its name): it may not have been counted.
-- A model whose own budget has no room is left out as long as the plan has another one; nothing is held in what counts it.
--
-- A request that is given a cached answer, found here or in hand, counts as one of no tokens and no cost: limits on requests take it in, budgets that are used up
-- refuse it, and it takes no place among the requests under way, nor in what counts its plan's models. One that asks what another is being
-- answered takes nothing and is told to wait, unless a cached answer would be refused as well.
--
-- Returns {'ok', output cap, counter that lowered it or 0, epoch, tightest requests ring, left, tightest tokens ring, left, models left out,
--     1 if others may wait for it, why there is no cached answer}
--   or {'hit', 0, 0, epoch, requests ring, left, tokens ring, left, {}, entry, its age in ms}, {'flight'}, {'uncached', why},
--   or {'stale', version in force}, {'tier', tier}, {'closed', ms}, {'unknown'}, {'seed', counters, rings},
--   {'replay', answer}, {'reused'}, {'in progress'},
--   {'busy', slot, under way}, {'rate', ring, 'requests' or 'tokens', ms to wait, used},
--   {'mark', counter, used}, {'held' or 'spent', counter, used, held}, {'held', 0 - ring, used, held}
local in_force = redis.call('GET', KEYS[1])
if in_force ~= ARGV[1] then return { 'stale', in_force or '0' } end

local id = ARGV[2]
local digest = ARGV[5]
local repeated = KEYS[digest and 9 or 7]
local again = redis.call('HGET', KEYS[3], id)
if again then -- the same call once more: its reply was lost
  local reply = cmsgpack.unpack(again)[7]
  if reply[1] == 'hit' then reply[10] = redis.call('HGET', KEYS[7], digest) or '' end
  return reply
end

local demand = cmsgpack.unpack(ARGV[3])
local user, input, wanted, least, choices = demand[2], demand[4], demand[5], demand[6], demand[7]
local input_nano, output_pico = demand[8], demand[9] * choices
local counters, rings, slots = demand[10], demand[11], demand[12]
local time = redis.call('TIME')
local second = tonumber(time[1])
local now_ms = second * 1000 + math.floor(tonumber(time[2]) / 1000)
local slot = math.floor(second / SLOT_SECONDS)

if user ~= '' then
  local tier = redis.call('HGET', KEYS[6], user) or 'free'
  if tier ~= demand[3] then return { 'tier', tier } end
end

if repeated then
  local entry = redis.call('HMGET', repeated, 'fingerprint', 'answer', 'request')
  if entry[1] then
    if entry[1] ~= demand[13] then return { 'reused' } end
    if entry[2] then return { 'replay', entry[2] } end
    if entry[3] ~= id and redis.call('ZSCORE', KEYS[4], entry[3]) then return { 'in progress' } end
  end
end

-- One read for each hash.
local names, sizes, at = { { 'epoch' }, { 'epoch' } }, { 1, 1 }, {}
local function want(hash, field)
  local size = sizes[hash] + 1
  names[hash][size], sizes[hash] = field, size
  return size
end
for index = 1, #counters do
  local item = counters[index]
  at[index] = want(item[1], item[2])
  want(item[1], 'h' .. item[2])
  if item[6] > 0 then want(item[1], 'v' .. item[2]) end
end
for _, item in ipairs(rings) do at[item] = want(item[1], item[2]) end
for _, item in ipairs(slots) do at[item] = want(item[1], item[2]) end
local values = { redis.call('HMGET', KEYS[2], unpack(names[1])), {} }
local epoch = current(values[1][1])
if not epoch then return { 'unknown' } end
local asks_user, is_user_begun = sizes[2] > 1, true
if asks_user then
  values[2] = redis.call('HMGET', KEYS[5], unpack(names[2]))
  is_user_begun = values[2][1] == epoch
  if not is_user_begun then values[2] = {} end
end
local since_ms, open_ms = string.match(epoch, '^[^:]*:(%d+):(%d+):')
since_ms, open_ms = tonumber(since_ms), tonumber(open_ms)
if now_ms < open_ms then return { 'closed', open_ms - now_ms } end

local used_of, held_of, unseeded, unseeded_rings = {}, {}, {}, {} -- of each counter; false: it is not there
for index = 1, #counters do
  local item = counters[index]
  local found, place = values[item[1]], at[index]
  local used = found[place] and tonumber(found[place])
  local is_known = used and used > -2^51 or not used and item[5] >= since_ms
  if is_known and item[6] > 0 then is_known = tonumber(found[place + 2] or '0') >= item[6] end
  if not is_known then unseeded[#unseeded + 1] = index end
  used_of[index], held_of[index] = used or false, tonumber(found[place + 1] or '0')
end
for index, item in ipairs(rings) do
  if not values[item[1]][at[item]] and now_ms - since_ms < (SLOTS + 1) * SLOT_SECONDS * 1000 then
    unseeded_rings[#unseeded_rings + 1] = index
  end
end
if #unseeded + #unseeded_rings > 0 then
  if asks_user then begin_user(KEYS[5], epoch, demand[14]) end
  return { 'seed', unseeded, unseeded_rings }
end

local entry, why, flight, follows = nil, '', nil, false
local age = 0
if digest then
  local may = ARGV[6]
  if string.find(may, 'r', 1, true) then
    local told
    entry, told = entry_find(KEYS[7], digest, now_ms, tonumber(ARGV[7]))
    if entry then age = told else why = told end
  end
  if not entry then
    if string.find(may, 'o', 1, true) then return { 'uncached', why } end
    if string.find(may, 'j', 1, true) then
      flight = redis.call('GET', KEYS[8]) or ''
      follows = flight ~= '' and flight ~= '-'
    end
  end
end
local is_answered = entry or demand[16]
local is_light = is_answered or follows
if is_light then
  slots = {}
  input, wanted, least, input_nano, output_pico = 0, 0, 0, 0, 0
end

for index, item in ipairs(slots) do
  local busy = tonumber(values[item[1]][at[item]] or '0')
  if busy >= item[3] then return { 'busy', index, busy } end
end

local read = {}
for index, item in ipairs(rings) do
  local ring = ring_read(values[item[1]][at[item]], slot)
  read[index] = ring
  if item[3] > 0 and ring.requests >= item[3] then
    return { 'rate', index, 'requests', ring_wait(ring, 1, ring.requests, item[3] - 1, now_ms), ring.requests }
  end
end

-- The output cap that `room` of a metric pays for; below zero if not even the input fits.
local function cap_within(metric, room)
  if metric == 1 then return room >= 1 and wanted or -1 end
  if is_light then return 0 end
  if metric == 2 then return math.floor((room - input) / choices) end
  if output_pico == 0 then return room >= input_nano and wanted or -1 end
  return math.floor((room - input_nano) * 1000 / output_pico)
end

local cap, lowered_by, marked, held_up, spent = wanted, 0, nil, nil, nil
local models, out, left_out = demand[15] or 1, {}, {}
local function leave_out(model)
  if not out[model] then
    out[model] = true
    left_out[#left_out + 1] = model
  end
end
for index = 1, #counters do
  local item = counters[index]
  local used, held, model = used_of[index] or 0, held_of[index], item[8] or 0
  if is_light then
    if item[4] >= 0 and model == 0 and item[3] > 1 and used >= item[4] then spent = spent or { 'spent', index, used, held } end
    model = model > 0 and 2 or 0
  end
  if item[4] >= 0 and model < 2 then
    local most = cap_within(item[3], item[4] - used - held)
    if most < least then
      if cap_within(item[3], item[4] - used) < least and model == 1 and models > 1 then
        leave_out(1)
      elseif cap_within(item[3], item[4] - used) < least then
        spent = spent or { 'spent', index, used, held }
      else
        held_up = held_up or { 'held', index, used, held }
      end
    elseif most < cap then
      cap, lowered_by = most, index
    end
    if item[7] > 0 and used >= item[7] and not is_light then marked = marked or { 'mark', index, used } end
  end
end
for index, item in ipairs(rings) do
  local ring = read[index]
  if item[4] > 0 then
    local most = cap_within(2, item[4] - ring.tokens)
    if most < least then
      local goal = item[4] - input - least * choices
      if cap_within(2, item[4] - ring.tokens + ring.held) < least then
        spent = spent or { 'rate', index, 'tokens', ring_wait(ring, 2, ring.tokens, goal, now_ms), ring.tokens }
      else
        held_up = held_up or { 'held', -index, ring.tokens - ring.held, ring.held }
      end
    elseif most < cap then
      cap, lowered_by = most, -index
    end
  end
end
for index, item in ipairs(counters) do
  local model = item[8] or 0
  if item[4] >= 0 and model > 1 and not out[model] and not is_light then
    local used, held = used_of[index] or 0, held_of[index]
    if cap_within(item[3], item[4] - used - held) < cap then
      leave_out(model)
      if #left_out == models then spent = spent or { 'spent', index, used, held } end
    end
  end
end
local refusal = spent or marked or held_up
if refusal then return refusal end
if follows then
  if #flight == #id then redis.call('SET', KEYS[8], flight .. '+', 'KEEPTTL') end -- its request need not be made for nobody
  return { 'flight' }
end

-- Everything fits: take it all.
local is_kept = {}
for index = 1, #counters do
  local model = counters[index][8] or 0
  is_kept[index] = not (out[model] or is_answered and model > 0)
end
if #left_out > 0 or is_answered then
  local kept = {}
  for index = 1, #counters do
    if is_kept[index] then kept[#kept + 1] = counters[index] end
  end
  demand[10] = kept
  if is_answered then demand[4], demand[5], demand[6], demand[8], demand[9], demand[12] = 0, 0, 0, 0, 0, {} end
  ARGV[3] = cmsgpack.pack(demand)
end
local tokens = input + cap * choices
local nano = input_nano + math.ceil(cap * output_pico / 1000)
local amounts = { 1, tokens, nano }
local sets, set_sizes = { {}, {} }, { 0, 0 }
local function set(hash, field, value) -- a number as text: Redis takes three times as long to write it
  local list, size = sets[hash], set_sizes[hash]
  list[size + 1], list[size + 2], set_sizes[hash] = field, value, size + 2
end
for index = 1, #counters do
  if is_kept[index] then
    local item = counters[index]
    if not used_of[index] then set(item[1], item[2], '0') end
    set(item[1], names[item[1]][at[index] + 1], string.format('%d', held_of[index] + amounts[item[3]]))
  end
end
local requests_ring, requests_left, tokens_ring, tokens_left = 0, -1, 0, -1
for index, item in ipairs(rings) do
  local ring = read[index]
  set(item[1], item[2], ring_add(ring, tokens, ring.head, 1, tokens))
  local left = item[3] - ring.requests
  if item[3] > 0 and (requests_ring == 0 or left < requests_left) then requests_ring, requests_left = index, left end
  left = item[4] - ring.tokens
  if item[4] > 0 and (tokens_ring == 0 or left < tokens_left) then tokens_ring, tokens_left = index, left end
end
for _, item in ipairs(slots) do
  set(item[1], item[2], string.format('%d', (values[item[1]][at[item]] or 0) + 1))
end
if set_sizes[1] > 0 then redis.call('HSET', KEYS[2], unpack(sets[1])) end
if set_sizes[2] > 0 then
  if not is_user_begun then begin_user(KEYS[5], epoch, 0) end
  redis.call('HSET', KEYS[5], unpack(sets[2]))
  if demand[14] > 0 then redis.call('EXPIRE', KEYS[5], demand[14]) else redis.call('PERSIST', KEYS[5]) end
end
local reply = { 'ok', cap, lowered_by, epoch, requests_ring, requests_left, tokens_ring, tokens_left, left_out, 0, why }
if entry then
  reply[1], reply[2], reply[3], reply[10], reply[11] = 'hit', 0, 0, '', age
elseif flight == '' then
  redis.call('SET', KEYS[8], id, 'PX', ARGV[8])
  reply[10] = 1
end
redis.call('HSET', KEYS[3], id, cmsgpack.pack({ tokens, nano, slot, cap, now_ms, KEYS[5], reply, ARGV[3], ARGV[4] }))
redis.call('ZADD', KEYS[4], now_ms + demand[1], id)
if repeated then
  redis.call('DEL', repeated)
  redis.call('HSET', repeated, 'fingerprint', demand[13], 'request', id)
  redis.call('EXPIRE', repeated, 86400)
end
if entry then reply[10] = entry end
return reply
