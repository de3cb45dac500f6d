-- Grants slots to start sends. KEYS: pause, sequence, then one sorted set a limit.
-- ARGV: slots wanted, then count and window (ms) of each limit.
-- Answers {slots granted, ms to wait for the next, first number granted, why paused}.
local paused = redis.call('pttl', KEYS[1])
if paused > 0 then
  return {0, paused, 0, redis.call('get', KEYS[1])}
end

local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local granted = tonumber(ARGV[1])
local wait = 0

for i = 3, #KEYS do
  local count = tonumber(ARGV[2 * (i - 3) + 2])
  local window = tonumber(ARGV[2 * (i - 3) + 3])
  redis.call('zremrangebyscore', KEYS[i], '-inf', now - window)
  local free = count - redis.call('zcard', KEYS[i])
  if free < granted then
    granted = math.max(free, 0)
    local oldest = redis.call('zrange', KEYS[i], 0, 0, 'withscores')
    if oldest[2] then
      wait = math.max(wait, tonumber(oldest[2]) + window - now + 1)
    end
  end
end

if granted == 0 or #KEYS < 3 then
  return {granted, wait, 0, ''}
end

local last = redis.call('incrby', KEYS[2], granted)
for i = 3, #KEYS do
  for number = last - granted + 1, last do
    redis.call('zadd', KEYS[i], now, number)
  end
  redis.call('pexpire', KEYS[i], tonumber(ARGV[2 * (i - 3) + 3]))
end
return {granted, wait, last - granted + 1, ''}
