-- Shared by the scripts: a tenant's cached answers, a hash of entries by fingerprint (gateway.caching.entries).
--
-- An entry: made, fresh until, ends, request admitted (doubles, Unix ms), the head's length, the head (msgpack: task, key, tags, ...), the
-- answer. Beside them, the hash keeps the cache's books: "!bytes", "!hits", "!misses", "!saved" (nano-dollars), "!since"; and when what was
-- purged: "!all", "!task|...", "!key|...", "!tag|...", "!end_user|...", the latest of them as "!purged", and "!reclaimed": up to when their room was taken
-- back.
local CACHE_OVERHEAD = 200 -- bytes that Redis needs for an entry besides its own, about

-- {made, fresh, ends, admitted}, or nil if it is no entry
local function entry_times(entry)
  local ok, made, fresh, ends, admitted = pcall(struct.unpack, '>dddd', entry)
  if ok then return { made, fresh, ends, admitted } end
end

-- Whether a purge concerns an entry whose request was admitted then.
local function entry_is_purged(key, entry, admitted)
  local ok, size = pcall(struct.unpack, '>H', string.sub(entry, 33, 34))
  local read, head = false, nil
  if ok then read, head = pcall(cmsgpack.unpack, string.sub(entry, 35, 34 + size)) end
  if not read or type(head) ~= 'table' or type(head[3]) ~= 'table' then return true end
  local names = { '!all', '!task|' .. tostring(head[1]), '!key|' .. tostring(head[2]) }
  for _, tag in ipairs(head[3]) do names[#names + 1] = '!tag|' .. tostring(tag) end
  if head[10] and head[10] ~= '' then names[#names + 1] = '!end_user|' .. tostring(head[10]) end
  for _, at in ipairs(redis.call('HMGET', key, unpack(names))) do
    if at and admitted <= tonumber(at) then return true end
  end
  return false
end

-- The entry and its age in ms, or nil and why there is none: 'absent', 'old', 'purged', 'broken'. It is as old as `most_ms` at most;
-- `is_last_resort`: it may be past its time, but not past its end.
local function entry_find(key, digest, now_ms, most_ms, is_last_resort)
  local found = redis.call('HMGET', key, digest, '!purged')
  local entry = found[1]
  if not entry then return nil, 'absent' end
  local times = entry_times(entry)
  if not times then return nil, 'broken' end
  if found[2] and times[4] <= tonumber(found[2]) and entry_is_purged(key, entry, times[4]) then return nil, 'purged' end
  local age = math.max(0, now_ms - times[1])
  if age > most_ms or now_ms >= times[is_last_resort and 3 or 2] then return nil, 'old' end
  return entry, age
end

-- Take entries out; returns how many bytes that frees.
local function entries_drop(key, ages, digests)
  local freed = 0
  for _, digest in ipairs(digests) do
    local size = redis.call('HSTRLEN', key, digest)
    if size > 0 then
      redis.call('HDEL', key, digest)
      freed = freed + size + CACHE_OVERHEAD
    end
    redis.call('ZREM', ages, digest)
  end
  return freed
end

-- Put an entry in; the oldest go until all fit into `most` bytes. Returns whether it is there.
local function entry_store(key, ages, digest, entry, made_ms, most)
  local size = #entry + CACHE_OVERHEAD
  if size > most then return false end
  local freed = entries_drop(key, ages, { digest })
  redis.call('HSET', key, digest, entry)
  redis.call('ZADD', ages, made_ms, digest)
  local bytes = redis.call('HINCRBY', key, '!bytes', size - freed)
  local rounds = 0
  while bytes > most and rounds < 32 do -- the rest, should the limit have been lowered by much, goes with the next ones
    rounds = rounds + 1
    local oldest, chosen, size_chosen = redis.call('ZRANGE', ages, 0, 31), {}, 0
    for _, old in ipairs(oldest) do
      if old == digest or bytes - size_chosen <= most then break end
      chosen[#chosen + 1] = old
      size_chosen = size_chosen + redis.call('HSTRLEN', key, old) + CACHE_OVERHEAD
    end
    if #chosen == 0 then break end
    bytes = redis.call('HINCRBY', key, '!bytes', -entries_drop(key, ages, chosen))
  end
  return true
end
