-- Take an entry out that turned out to be broken. Twice is once.
--
-- KEYS  1 entries  2 their ages        ARGV  1 fingerprint
local freed = entries_drop(KEYS[1], KEYS[2], { ARGV[1] })
if freed > 0 then redis.call('HINCRBY', KEYS[1], '!bytes', -freed) end
return freed
