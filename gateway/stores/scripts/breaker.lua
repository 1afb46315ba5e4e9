-- The circuit breaker of one model: counts how its calls end, opens, lets probes through, closes.
--
-- KEYS  1 the breaker, a hash  2 breakers that are not closed: a hash from their keys to 'state|generation|ms from when on they may be probed'  3 a stream of
-- changes, for the record     ARGV  1 what to do  2 generation the caller knows  3... as below; a window is 30 s in slots of 3 s
--   'report'  3 calls that went well  4 that failed  5 least calls  6 percent of failures  7 ms it stays open
--   'probe'   3 a probe's id  4 its lease, ms  5 most probes at once
--   'ended'   3 a probe's id  4 'well', 'badly' or 'unknown'  5 probes that have to go well  6 ms it stays open
--
-- Closed, it opens when more than the percentage of the window's calls failed. Open, nothing is called until its time is over; then it is
-- half-open: a few probes are let through, each leased, so that one whose process died does not stand in the way. When enough of them went
-- well it closes; when one fails it opens anew. Every change of state begins a generation: what belongs to another one is late and counts
-- for nothing.
--
-- Returns {state, generation, ms until it may be probed, calls that went well, that failed}; 'probe' may return 'granted' for the state.
local SLOT_MS, SLOTS = 3000, 10
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local slot = math.floor(now_ms / SLOT_MS)
local known = {}
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do known[all[index]] = all[index + 1] end
local state, generation = known.state or 'closed', tonumber(known.generation or '0')
local until_ms = tonumber(known['until'] or '0')

local well, badly = 0, 0
for field, value in pairs(known) do
  local kind, at = string.match(field, '^(%a+):(.+)$')
  if kind == 'well' or kind == 'badly' then
    if tonumber(at) <= slot - SLOTS then
      redis.call('HDEL', KEYS[1], field)
    elseif kind == 'well' then
      well = well + tonumber(value)
    else
      badly = badly + tonumber(value)
    end
  end
end

local function become(new, opens_for)
  state, generation, well, badly = new, generation + 1, 0, 0
  until_ms = new == 'open' and now_ms + opens_for or 0
  redis.call('DEL', KEYS[1])
  local ends = string.format('%.0f', until_ms)
  redis.call('HSET', KEYS[1], 'state', state, 'generation', generation, 'until', ends, 'since', string.format('%.0f', now_ms))
  local at = string.format('%.0f', now_ms)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'b', KEYS[1], 's', new, 'at', at)
  if new == 'closed' then
    redis.call('HDEL', KEYS[2], KEYS[1])
  else
    local from = string.format('%.0f', math.max(until_ms, now_ms))
    redis.call('HSET', KEYS[2], KEYS[1], state .. '|' .. generation .. '|' .. from)
  end
end

local is_current = tonumber(ARGV[2]) == generation
if ARGV[1] == 'report' and state == 'closed' and is_current then
  for index, kind in ipairs({ 'well', 'badly' }) do
    local count = tonumber(ARGV[2 + index])
    if count > 0 then redis.call('HINCRBY', KEYS[1], kind .. ':' .. slot, count) end
    if kind == 'well' then well = well + count else badly = badly + count end
  end
  if well + badly >= tonumber(ARGV[5]) and badly * 100 > (well + badly) * tonumber(ARGV[6]) then
    become('open', tonumber(ARGV[7]))
  end
elseif ARGV[1] == 'probe' and state ~= 'closed' and now_ms >= until_ms then
  if state == 'open' then become('half-open') known = {} end
  local busy = 0
  for field, value in pairs(known) do
    if string.sub(field, 1, 6) == 'probe:' then
      if tonumber(value) > now_ms then busy = busy + 1 else redis.call('HDEL', KEYS[1], field) end
    end
  end
  if busy < tonumber(ARGV[5]) then
    redis.call('HSET', KEYS[1], 'probe:' .. ARGV[3], string.format('%.0f', now_ms + tonumber(ARGV[4])))
    redis.call('HINCRBY', KEYS[1], 'probes', 1)
    redis.call('PEXPIRE', KEYS[1], 10800000) -- longer than an entry in KEYS[2] is believed
    return { 'granted', generation, 0, 0, 0 }
  end
elseif ARGV[1] == 'ended' and state == 'half-open' and is_current and known['probe:' .. ARGV[3]] then
  redis.call('HDEL', KEYS[1], 'probe:' .. ARGV[3])
  if ARGV[4] == 'badly' then
    become('open', tonumber(ARGV[6]))
  elseif ARGV[4] == 'well' and redis.call('HINCRBY', KEYS[1], 'good', 1) >= tonumber(ARGV[5]) then
    become('closed')
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], 10800000) end
return { state, generation, math.max(0, until_ms - now_ms), well, badly }
