-- End a request: release what reserve.lua took and append its usage records. Running twice releases once; the drain drops the
-- records that stand in the stream twice.
--
-- KEYS[1] the tenant's stream of usage records
-- KEYS[2] requests of the key under way
-- ARGV    1 request id, 2... usage records
redis.call('ZREM', KEYS[2], ARGV[1])
for index = 2, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'r', ARGV[index])
end
return 1
