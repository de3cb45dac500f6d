-- Gives the end of a leave back where nobody got leave since; 1 if it was so.
-- KEYS: the sender's state. ARGV: the end of the leave, and the start of the first unused text.
if redis.call('hget', KEYS[1], 'left') ~= ARGV[1] then
  return 0
end
redis.call('hset', KEYS[1], 'left', ARGV[2])
return 1
