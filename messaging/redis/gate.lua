-- What the breakers let through. Goes before the scripts that ask them.
local time = redis.call('time')
local second = tonumber(time[1])
local now = second * 1000000 + time[2]

local TRIAL = 500000   -- between two texts where nothing is known: one that works closes it
local LOOK = 100000    -- how long to wait where somebody has the probe
local KEPT = 86400000  -- milliseconds; a breaker that nobody asked for so long is forgotten

-- How it stands: closed or not, its generation, how long no text may begin, and why.
local function ask(key)
  local known = redis.call('hmget', key, 'state', 'generation')
  local gate = {state = known[1] or '', generation = known[2] or 0, wait = 0, why = ''}
  if gate.state == 'closed' then
    return gate
  end
  local open = redis.call('hmget', key, 'probe_at', 'probe_until', 'reason')
  local early, busy = (tonumber(open[1]) or 0) - now, (tonumber(open[2]) or 0) - now
  if early > 0 then
    gate.wait, gate.why = early, open[3] or '?'
  elseif busy > 0 then
    gate.wait = math.min(busy, LOOK)
  end
  return gate
end

-- Lets the caller have the probe for so long.
local function probe(key, state, caller, lease)
  local till = now + (state == 'open' and lease or TRIAL)
  redis.call('hset', key, 'probe', caller, 'probe_until', string.format('%.0f', till))
  redis.call('pexpire', key, KEPT)
end

-- Adds to the results of this second: p are those that passed, a and s failures of account and
-- sender. Older ones go with the first of a second.
local function count(results, breakers, window, name, number)
  if number == 0 or redis.call('hincrby', results, second .. name, number) > number then
    return
  end
  for _, field in ipairs(redis.call('hkeys', results)) do
    if tonumber(string.sub(field, 1, -2)) <= second - window then
      redis.call('hdel', results, field)
    end
  end
  for _, key in ipairs({results, breakers[1], breakers[2]}) do
    redis.call('pexpire', key, KEPT)
  end
end
