-- Grants slots: when so many texts may start, one after the other.
-- KEYS: pause, and where there is a limit also the sender's state and those who wait.
-- ARGV, where there is a limit: 1 where urgent, microseconds between two units, the share of
-- urgent ones, the end of the latest grant that the caller knows of, a name for the caller, then
-- the units of each text.
-- Answers {why paused, wait}, {'', wait} or {'', 0, now, end, start of each text granted}; times
-- are in microseconds, on this server's clock.
local paused = redis.call('pttl', KEYS[1])
if paused > 0 then
  return {redis.call('get', KEYS[1]), paused * 1000}
end
if #KEYS == 1 then
  return {''}
end

local LEAD = 50000      -- between a grant and its first start: the time to claim
local AHEAD = 150000    -- how far ahead slots are granted
local URGENT = 500000   -- how far ahead to urgent ones: others wait until these have started
local BLOCK = 100000    -- a grant's last text starts before so much has passed since its first
local CREDIT = 5000000  -- urgent ones have saved up at most what their share is of this time
local LARGEST = 25      -- units that a text may have, 24 with 1,600 characters
local KEPT = 86400000   -- milliseconds; a state that is older is no better than none

local urgent, interval = ARGV[1] == '1', tonumber(ARGV[2])
local share, known, caller = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]

local function store(name, at)
  redis.call('hset', KEYS[2], name, string.format('%.0f', at))
  redis.call('pexpire', KEYS[2], KEPT)
end

local state = redis.call('hmget', KEYS[2], 'free', 'spent')
local free, spent = tonumber(state[1]), math.max(tonumber(state[2]) or 0, now)
local furthest = now + URGENT + BLOCK + LARGEST * interval
if not free or free > furthest then
  -- Emptied, or another server's clock: all that can have been granted before is left its time.
  free = now + URGENT + BLOCK + interval
  store('free', free)
end
if known > free and known <= furthest then
  free = known
  store('free', free)
end

local cost = urgent and share > 0 and interval / share or 0
local first = cost > 0 and spent + tonumber(ARGV[6]) * cost <= now + CREDIT
local start = math.max(free, now + LEAD)
local wait = start - now - (first and URGENT or AHEAD)
if wait > 0 then
  redis.call('zadd', KEYS[3], now + wait + 1000000, caller)
  redis.call('zremrangebyscore', KEYS[3], '-inf', now)
  redis.call('pexpire', KEYS[3], math.ceil(wait / 1000) + 1000)
  return {'', wait}
end

local answer, at = {'', 0, now, 0}, start
for i = 6, #ARGV do
  if at - start >= BLOCK then
    break
  end
  answer[#answer + 1] = at
  at = at + tonumber(ARGV[i]) * interval
  spent = spent + tonumber(ARGV[i]) * cost
end
answer[4] = at
store('free', at)
if first then
  store('spent', spent)
end
redis.call('zrem', KEYS[3], caller)
return answer
