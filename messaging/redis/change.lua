-- Puts a breaker into another state, if nobody else has meanwhile; 1 if it was so.
-- KEYS: the breaker, and its results, which are forgotten with each change. ARGV: its state,
-- generation and probe as they were, then the new fields and values.
local was = redis.call('hmget', KEYS[1], 'state', 'generation', 'probe')
for i, otherwise in ipairs({'', '0', ''}) do
  if (was[i] or otherwise) ~= ARGV[i] then
    return 0
  end
end
redis.call('del', KEYS[1], KEYS[2])
redis.call('hset', KEYS[1], unpack(ARGV, 4))
redis.call('pexpire', KEYS[1], 86400000)
return 1
