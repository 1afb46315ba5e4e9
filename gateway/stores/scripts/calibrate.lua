-- How many tokens providers counted for what was weighed here, of one model, over all processes.
--
-- KEYS  1 a hash     ARGV  1 tokens by the upper bound  2 tokens that the provider reported
-- What is old fades: both sums are halved whenever they have grown beyond MOST. Returns both.
local MOST, KEPT_SECONDS = 5000000, 2592000
local bound = redis.call('HINCRBY', KEYS[1], 'bound', ARGV[1])
local reported = redis.call('HINCRBY', KEYS[1], 'reported', ARGV[2])
if bound > MOST then
  bound, reported = math.floor(bound / 2), math.floor(reported / 2)
  redis.call('HSET', KEYS[1], 'bound', bound, 'reported', reported)
end
redis.call('EXPIRE', KEYS[1], KEPT_SECONDS)
return { bound, reported }
