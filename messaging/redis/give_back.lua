-- Gives the end of a grant back where no later slot was granted since; 1 if it was so.
-- KEYS: the sender's state. ARGV: the end of the grant, and the start of the first unused slot.
if redis.call('hget', KEYS[1], 'free') ~= ARGV[1] then
  return 0
end
redis.call('hset', KEYS[1], 'free', ARGV[2])
return 1
