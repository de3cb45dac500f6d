-- Lets texts through: whether the breakers do, and when they may start, one after the other.
-- KEYS: the breakers of account and sender and their results, and where there is a limit also the
-- sender's state and those who wait.
-- ARGV: a name for the probe, microseconds that it may take, the seconds that results are kept, and
-- how many texts passed since the last call; where there is a limit also 1 where urgent, microseconds
-- between two units, the share of urgent ones, the end of the latest grant that the caller knows of,
-- a name for the caller, then the units of each text.
-- Answers {why none may start, wait}, {'', wait} or {'', 0, generations of account and sender, which
-- of them are probed, now, end, start of each text granted}; times are in microseconds, on this
-- server's clock.
count(KEYS[3], KEYS, tonumber(ARGV[3]), 'p', tonumber(ARGV[4]))
local gates, probed, opened = {ask(KEYS[1]), ask(KEYS[2])}, {}, ''
for i, gate in ipairs(gates) do
  if gate.wait > 0 then
    return {gate.why, gate.wait}
  end
  if gate.state ~= 'closed' then
    probed[#probed + 1] = i
    opened = opened .. (gate.state == 'open' and i or '-')
  end
end
local answer = {'', 0, gates[1].generation, gates[2].generation, opened}

local function pass()
  for _, i in ipairs(probed) do
    probe(KEYS[i], gates[i].state, ARGV[1], tonumber(ARGV[2]))
  end
  return answer
end

if #KEYS == 3 then
  return pass()
end

local LEAD = 50000      -- between a grant and its first start: the time to claim
local AHEAD = 150000    -- how far ahead slots are granted
local URGENT = 500000   -- how far ahead to urgent ones: others wait until these have started
local BLOCK = 100000    -- a grant's last text starts before so much has passed since its first
local CREDIT = 5000000  -- urgent ones have saved up at most what their share is of this time
local LARGEST = 25      -- units that a text may have, 24 with 1,600 characters

local urgent, interval = ARGV[5] == '1', tonumber(ARGV[6])
local share, known, caller = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]

local function store(name, at)
  redis.call('hset', KEYS[4], name, string.format('%.0f', at))
  redis.call('pexpire', KEYS[4], KEPT)
end

local state = redis.call('hmget', KEYS[4], 'free', 'spent')
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
local first = cost > 0 and spent + tonumber(ARGV[10]) * cost <= now + CREDIT
local start = math.max(free, now + LEAD)
local wait = start - now - (first and URGENT or AHEAD)
if wait > 0 then
  redis.call('zadd', KEYS[5], now + wait + 1000000, caller)
  redis.call('zremrangebyscore', KEYS[5], '-inf', now)
  redis.call('pexpire', KEYS[5], math.ceil(wait / 1000) + 1000)
  return {'', wait}
end

local at, last = start, #probed > 0 and 10 or #ARGV
answer[6] = now
answer[7] = 0
for i = 10, last do
  if at - start >= BLOCK then
    break
  end
  answer[#answer + 1] = at
  at = at + tonumber(ARGV[i]) * interval
  spent = spent + tonumber(ARGV[i]) * cost
end
answer[7] = at
store('free', at)
if first then
  store('spent', spent)
end
redis.call('zrem', KEYS[5], caller)
return pass()
