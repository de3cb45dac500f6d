-- Lets texts be claimed: whether the breakers let any through, and how many will get slots soon.
-- KEYS: the breakers of account and sender and their results, and where there is a limit also the
-- sender's state and those who wait.
-- ARGV: a name for the probe, microseconds that it may take, the seconds that results are kept, and
-- how many texts passed since the last call; where there is a limit also 1 where urgent, microseconds
-- between two units, the share of urgent ones, the end of the latest slot that the caller knows of,
-- a name for the caller, then the units of each text.
-- Answers {why none may be claimed, wait}, {'', wait} or {'', 0, generations of account and sender,
-- which of them are probed, and about when each text that may be claimed starts, then the end};
-- times are in microseconds, on this server's clock.
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

local LEAD = 50000  -- between leave and the first start: the time to claim

local interval, caller = tonumber(ARGV[6]), ARGV[9]
local _, left, spent = paced(KEYS[4], interval, tonumber(ARGV[8]))
local cost = cost_of(ARGV[5], interval, tonumber(ARGV[7]))
local start = math.max(left, now + LEAD)
local wait = start - now - reach(spent, cost, tonumber(ARGV[10]))
if wait > 0 then
  redis.call('zadd', KEYS[5], now + wait + 1000000, caller)
  redis.call('zremrangebyscore', KEYS[5], '-inf', now)
  redis.call('pexpire', KEYS[5], math.ceil(wait / 1000) + 1000)
  return {'', wait}
end

local at = start
for i = 10, #probed > 0 and 10 or #ARGV do
  if at - start >= BLOCK then
    break
  end
  answer[#answer + 1] = at
  at = at + tonumber(ARGV[i]) * interval
end
answer[#answer + 1] = at
store(KEYS[4], 'left', at)
redis.call('zrem', KEYS[5], caller)
return pass()
