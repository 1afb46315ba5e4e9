-- Whether a tenant's counters may be relied on.        KEYS  1 the tenant's counters
return current(redis.call('HGET', KEYS[1], 'epoch')) and 1 or 0
