-- The pace of a sender, and how far ahead its texts get leave and slots. Goes between gate.lua and
-- the scripts that give them. Times are in microseconds, on this server's clock.
local AHEAD = 150000    -- how far ahead texts get leave and slots
local URGENT = 500000   -- how far ahead urgent ones do: others wait until these have started
local BLOCK = 100000    -- the last text of a call starts before so much has passed since its first
local CREDIT = 5000000  -- urgent ones have saved up at most what their share is of this time
-- Units that a text may have: 1,600 characters are at most 3,200 UTF-16 units, and as no sign is
-- cut, two segments may hold as few as 68 of them.
local LARGEST = 95

local function store(key, name, at)
  redis.call('hset', key, name, string.format('%.0f', at))
  redis.call('pexpire', key, KEPT)
end

-- When the next text may start, where those that have leave end, and what urgent ones have spent.
-- `known` is the end of the latest slot that the caller knows of.
local function paced(key, interval, known)
  local told = redis.call('hmget', key, 'free', 'left', 'spent')
  local free, left = tonumber(told[1]), tonumber(told[2]) or 0
  local furthest = now + URGENT + BLOCK + LARGEST * interval
  if not free or free > furthest then
    -- Emptied, or another server's clock: all that can have been granted before is left its time.
    free = now + URGENT + BLOCK + interval
    store(key, 'free', free)
  end
  if known > free and known <= furthest then
    free = known
    store(key, 'free', free)
  end
  left = left > furthest and free or math.max(left, free)
  return free, left, math.max(tonumber(told[3]) or 0, now)
end

-- What a unit takes of what urgent ones have saved up; 0 where they have no share.
local function cost_of(urgent, interval, share)
  return urgent == '1' and share > 0 and interval / share or 0
end

-- How far ahead a text of so many units may start.
local function reach(spent, cost, units)
  return cost > 0 and spent + units * cost <= now + CREDIT and URGENT or AHEAD
end
