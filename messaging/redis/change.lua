-- Puts a breaker into another state, if nobody else has meanwhile; 1 if it was so.
-- KEYS: the breaker, and its results, which are forgotten where it opens or closes. ARGV: its state,
-- generation and probe as they were, its new state, then the other fields and values.
local was = redis.call('hmget', KEYS[1], 'state', 'generation', 'probe')
for i, otherwise in ipairs({'', '0', ''}) do
  if (was[i] or otherwise) ~= ARGV[i] then
    return 0
  end
end
redis.call('del', KEYS[1])
if ARGV[4] ~= ARGV[1] then
  redis.call('del', KEYS[2])
end
redis.call('hset', KEYS[1], 'state', ARGV[4], unpack(ARGV, 5))
redis.call('pexpire', KEYS[1], 86400000)
return 1
