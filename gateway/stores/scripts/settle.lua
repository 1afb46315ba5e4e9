-- End a request: release what it held, charge what it used, append its usage records, keep its answer for a repeated call.
--
-- KEYS  1 stream of usage records  2 the tenant's counters  3 holds  4 leases  5 the end user's counters, or again 2
--       6 swept holds  7 stream of contents  8 cached answers  9 their ages  10 the flight of this one, all three if the request has a
--       fingerprint
--       last: the idempotency key's entry, if the request has one
-- ARGV  1 request id  2 'settle' or 'sweep'  3 requests used (0 or 1)  4 tokens used  5 nano-dollars used
--       6 epoch the reservation was made in, '' if none was  7 the demand, if there may be no hold to read it from
--       8 answer to keep, '' for none  9 what each model of the plan used: a msgpack array of {requests, tokens, nano-dollars}, '' for all
--       by the first  10 fingerprint, '' for none  11 what becomes of the cache, a msgpack array (gateway.stores.lookups.CacheWrite):
--       ms the answer is fresh, ms it may stand in afterwards, bytes of all entries at most, 1 for a hit, 1 for a miss, nano-dollars
--       saved  12 the answer's entry without its times, '' for none  13 content to store, '' for none  14... usage records
--
-- Run twice, it charges once: the second run finds neither the hold nor another epoch. A hold that was swept meanwhile is corrected to what
-- was really used. Where the counters were lost (another epoch), what exists of them is charged, and the ledger tells the rest.
-- 'sweep' charges the held amounts, if the lease is over.
--
-- Returns 'ok', 'corrected', 'again' or 'alive'.
local MOST_WAITING_CONTENT = 20000
local MOST_WAITING_BYTES = 268435456
local OLD_RING = 0x94 -- an array of four, as an older version packed them: only its own processes go by them, and may still run
local id = ARGV[1]
local requests, tokens, nano = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local second = tonumber(time[1])
local slot = math.floor(second / SLOT_SECONDS)
local packed = redis.call('HGET', KEYS[3], id)
local outcome = 'ok'
local demand, released, taken_in, admitted_ms
local was = { 0, 0, 0 }

if ARGV[2] == 'sweep' then
  local now_ms = second * 1000 + math.floor(tonumber(time[2]) / 1000)
  local lease = redis.call('ZSCORE', KEYS[4], id)
  if not packed or (lease and tonumber(lease) > now_ms) then
    if not packed then redis.call('ZREM', KEYS[4], id) end
    return 'alive'
  end
end

if packed then
  local hold = cmsgpack.unpack(packed)
  demand, taken_in, released, admitted_ms = cmsgpack.unpack(hold[8]), hold[3], { 1, hold[1], hold[2] }, hold[5]
  if ARGV[2] == 'sweep' then
    requests, tokens, nano = 1, hold[1], hold[2]
    redis.call('HSET', KEYS[6], id, cmsgpack.pack({ requests, tokens, nano, hold[8] }))
    redis.call('EXPIRE', KEYS[6], 172800)
  end
  redis.call('HDEL', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
else
  local swept = redis.call('HGET', KEYS[6], id)
  if swept then
    was = cmsgpack.unpack(swept)
    demand, released, outcome = cmsgpack.unpack(was[4]), { 0, 0, 0 }, 'corrected'
    requests, tokens, nano = requests - was[1], tokens - was[2], nano - was[3]
    redis.call('HDEL', KEYS[6], id)
  elseif ARGV[6] ~= '' and current(redis.call('HGET', KEYS[2], 'epoch')) == ARGV[6] then
    return 'again'
  elseif ARGV[7] ~= '' then
    demand, released = cmsgpack.unpack(ARGV[7]), { 0, 0, 0 }
  end
end

if demand then
  -- What a counter adds: the whole request's use, or its model's. A sweep charged everything to the first model.
  local amounts = { requests, tokens, nano }
  local by_model = ARGV[9] ~= '' and ARGV[2] ~= 'sweep' and cmsgpack.unpack(ARGV[9]) or { { requests + was[1], tokens + was[2], nano + was[3] } }
  local function used_by(item)
    local model = item[8] or 0
    if model == 0 then return amounts[item[3]] end
    local own = by_model[model]
    return (own and own[item[3]] or 0) - (model == 1 and was[item[3]] or 0)
  end
  local names, sizes, at, sets, set_sizes = { {}, {} }, { 0, 0 }, {}, { {}, {} }, { 0, 0 }
  local function want(hash, field)
    local size = sizes[hash] + 1
    names[hash][size], sizes[hash] = field, size
    return size
  end
  local function set(hash, field, value) -- a number as text: Redis takes three times as long to write it
    local list, size = sets[hash], set_sizes[hash]
    list[size + 1], list[size + 2], set_sizes[hash] = field, value, size + 2
  end
  local counters = demand[10]
  for index = 1, #counters do
    local item = counters[index]
    at[index] = want(item[1], item[2])
    want(item[1], 'h' .. item[2])
  end
  for _, item in ipairs(demand[11]) do at[item] = want(item[1], item[2]) end
  for _, item in ipairs(demand[12]) do at[item] = want(item[1], item[2]) end
  local keys = { KEYS[2], KEYS[5] }
  local values = { {}, {} }
  for hash = 1, 2 do
    if sizes[hash] > 0 then values[hash] = redis.call('HMGET', keys[hash], unpack(names[hash])) end
  end
  for index = 1, #counters do
    local item = counters[index]
    local place = at[index]
    local used, held = values[item[1]][place], values[item[1]][place + 1]
    -- A counter that is missing stays so: it is read from the ledger when it is next wanted, this request included.
    if used then set(item[1], item[2], string.format('%d', used + used_by(item))) end
    if held then set(item[1], names[item[1]][place + 1], string.format('%d', math.max(0, held - released[item[3]]))) end
  end
  for _, item in ipairs(demand[11]) do
    local state = values[item[1]][at[item]]
    if state and taken_in and string.byte(state) ~= OLD_RING then
      set(item[1], item[2], ring_add(ring_read(state, slot), -released[2], taken_in, requests - 1, tokens - released[2]))
    end
  end
  for _, item in ipairs(demand[12]) do
    local busy = values[item[1]][at[item]]
    if busy and packed then set(item[1], item[2], string.format('%d', math.max(0, busy - 1))) end
  end
  for hash = 1, 2 do
    if set_sizes[hash] > 0 then redis.call('HSET', keys[hash], unpack(sets[hash])) end
  end
end

if ARGV[10] ~= '' then
  local digest, part = ARGV[10], cmsgpack.unpack(ARGV[11])
  local now_ms = second * 1000 + math.floor(tonumber(time[2]) / 1000)
  local is_stored = false
  if ARGV[12] ~= '' and admitted_ms then
    local times = struct.pack('>dddd', now_ms, now_ms + part[1], now_ms + part[1] + part[2], admitted_ms)
    is_stored = entry_store(KEYS[8], KEYS[9], digest, times .. ARGV[12], now_ms, part[3])
  end
  if part[4] + part[5] > 0 then
    local count = redis.call('HINCRBY', KEYS[8], part[4] > 0 and '!hits' or '!misses', 1)
    if count == 1 then redis.call('HSETNX', KEYS[8], '!since', now_ms) end
    if part[6] > 0 then redis.call('HINCRBY', KEYS[8], '!saved', part[6]) end
  end
  local flight = redis.call('GET', KEYS[10])
  if flight and string.sub(flight, 1, #id) == id then
    -- Those who have waited for an answer that is not kept go on by themselves, each alone.
    if is_stored then redis.call('DEL', KEYS[10]) else redis.call('SET', KEYS[10], '-', 'PX', 3000) end
  end
end

local repeated = KEYS[ARGV[10] ~= '' and 11 or 8]
if repeated then
  local owner = redis.call('HGET', repeated, 'request')
  if ARGV[8] ~= '' and (not owner or owner == id) then
    redis.call('HSET', repeated, 'answer', ARGV[8])
    redis.call('EXPIRE', repeated, 86400)
  elseif owner == id then
    redis.call('DEL', repeated)
  end
end
if ARGV[13] ~= '' then
  -- Bounded, for it is large: where no worker stores it, the memory is needed for what counts money. The more wait, the smaller is what
  -- is let in, as if all of them were as large as this one: no count of bytes has to be kept, and large ones cannot fill it by themselves.
  local waiting = redis.call('XLEN', KEYS[7])
  if waiting < MOST_WAITING_CONTENT and waiting * #ARGV[13] < MOST_WAITING_BYTES then
    redis.call('XADD', KEYS[7], '*', 'c', ARGV[13])
  else
    redis.call('INCR', KEYS[7] .. ':lost')
  end
end
for index = 14, #ARGV do redis.call('XADD', KEYS[1], '*', 'r', ARGV[index]) end
return outcome
