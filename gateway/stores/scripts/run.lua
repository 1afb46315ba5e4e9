-- Shared by the scripts: is an epoch still good? It names the run of the server that it was opened in.
--
-- A server that was killed and started again may have lost the last seconds of what it had acknowledged, for its append-only file is
-- written behind; so may a replica that has taken over. Neither can be told from the data, but both are another run.
local RUN_DIGITS = 40 -- hexadecimal ones

local function server_run()
  local info = redis.call('INFO', 'server')
  local _, before = string.find(info, 'run_id:', 1, true)
  return string.sub(info, before + 1, before + RUN_DIGITS)
end

-- The epoch if it is of this run of the server, else nil: then the tenant's counters are to be opened again.
local function current(epoch)
  if epoch and string.sub(epoch, -RUN_DIGITS) == server_run() then return epoch end
end

-- An end user's counters are good in the epoch that they were begun in.
local function begin_user(key, epoch, seconds)
  if redis.call('HGET', key, 'epoch') == epoch then return end
  redis.call('UNLINK', key)
  redis.call('HSET', key, 'epoch', epoch)
  if seconds > 0 then redis.call('EXPIRE', key, seconds) end
end

-- Hold again what a request holds, in counters that have lost it. `demand` as for reserve.lua; a ring is read from the ledger and the holds.
local function hold_again(keys, demand, tokens, nano)
  local amounts, seen = { 1, tokens, nano }, { {}, {} } -- limits on the same thing share a counter
  for _, item in ipairs(demand[10]) do
    if not seen[item[1]][item[2]] then
      seen[item[1]][item[2]] = true
      redis.call('HINCRBY', keys[item[1]], 'h' .. item[2], string.format('%.0f', amounts[item[3]]))
    end
  end
  for _, item in ipairs(demand[12]) do redis.call('HINCRBY', keys[item[1]], item[2], 1) end
end
