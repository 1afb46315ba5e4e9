-- Prolong a flight, the call whose answer others wait for, if it is still this request's.
--
-- KEYS  1 flight        ARGV  1 request id  2 ms
local flight = redis.call('GET', KEYS[1])
if flight and string.sub(flight, 1, #ARGV[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
return 0
