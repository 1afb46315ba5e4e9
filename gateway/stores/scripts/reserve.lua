-- Admit a request or say why not: every limit is checked, then every hold is taken, or none.
--
-- KEYS[1] the tenant's configuration version
-- KEYS[2] requests of the key in the last 60 s   (hash: second -> count, "sum", "head")
-- KEYS[3] requests of the key under way          (sorted set: request id -> end of lease, Unix ms)
-- ARGV    1 version of the caller's snapshot, 2 request id, 3 requests per minute or 0, 4 concurrency or 0, 5 lease (ms)
--
-- Returns {'ok', rate limit's remaining} or {'stale', version in force} or {'rate', retry after ms} or {'busy', under way}
local in_force = redis.call('GET', KEYS[1])
if in_force ~= ARGV[1] then
  return {'stale', in_force or '0'}
end

local time = redis.call('TIME')
local second = tonumber(time[1])
local now_ms = second * 1000 + math.floor(tonumber(time[2]) / 1000)
local rate_limit = tonumber(ARGV[3])
local concurrency = tonumber(ARGV[4])
local remaining = -1

if concurrency > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now_ms)
  local busy = redis.call('ZCARD', KEYS[3])
  if busy >= concurrency and not redis.call('ZSCORE', KEYS[3], ARGV[2]) then
    return {'busy', busy}
  end
end

if rate_limit > 0 then
  -- A ring of 61 one-second counters and their sum: no window of 60 s ever holds more than the limit.
  local state = redis.call('HMGET', KEYS[2], 'sum', 'head')
  local sum = tonumber(state[1] or '0')
  local head = tonumber(state[2] or '0')
  if second < head then second = head end -- the clock was set back
  if second - head > 60 then
    redis.call('DEL', KEYS[2])
    sum = 0
  elseif second > head then
    for passed = head + 1, second do
      local slot = passed % 61
      local old = redis.call('HGET', KEYS[2], slot)
      if old then
        sum = sum - tonumber(old)
        redis.call('HDEL', KEYS[2], slot)
      end
    end
  end
  redis.call('HSET', KEYS[2], 'sum', sum, 'head', second)
  redis.call('EXPIRE', KEYS[2], 62)
  if sum >= rate_limit then
    -- Room comes when the oldest counted second leaves the window.
    for ahead = 1, 61 do
      local leaving = redis.call('HGET', KEYS[2], (second + ahead) % 61)
      if leaving and tonumber(leaving) > 0 then
        return {'rate', (second + ahead) * 1000 - now_ms}
      end
    end
    return {'rate', 60000}
  end
  redis.call('HINCRBY', KEYS[2], second % 61, 1)
  redis.call('HINCRBY', KEYS[2], 'sum', 1)
  remaining = rate_limit - sum - 1
end

if concurrency > 0 then
  redis.call('ZADD', KEYS[3], now_ms + tonumber(ARGV[5]), ARGV[2])
  redis.call('PEXPIRE', KEYS[3], tonumber(ARGV[5]) + 60000)
end
return {'ok', remaining}
