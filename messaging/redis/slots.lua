-- Gives texts that are claimed, and have a lane, their slots, one after the other.
-- KEYS: the sender's state.
-- ARGV: 1 where urgent, microseconds between two units, the share of urgent ones, the end of the
-- latest slot that the caller knows of, then the units of each text.
-- Answers {now, wait until the next text may have one, end, start of each text that has one}; times
-- are in microseconds, on this server's clock.
local LEAD = 2000  -- between the grant and the first start: the way to the lane

local interval = tonumber(ARGV[2])
local free, left, spent = paced(KEYS[1], interval, tonumber(ARGV[4]))
local cost = cost_of(ARGV[1], interval, tonumber(ARGV[3]))
local start = math.max(free, now + LEAD)
local far = reach(spent, cost, tonumber(ARGV[5]))
local answer, at, next = {now, 0, free}, start, 5
while next <= #ARGV and start - now <= far and at - start < BLOCK do
  answer[#answer + 1] = at
  at = at + tonumber(ARGV[next]) * interval
  spent = spent + tonumber(ARGV[next]) * cost
  next = next + 1
end
if next > 5 then
  answer[3] = at
  store(KEYS[1], 'free', at)
  if far == URGENT then
    store(KEYS[1], 'spent', spent)
  end
end

-- Those that must wait have leave already, and others get none before them: else what time was lost
-- with claims would stay lost, and more and more claims would wait. Urgent ones still find a place.
local rest = 0
for i = next, #ARGV do
  rest = rest + tonumber(ARGV[i])
end
if rest > 0 then
  answer[2] = math.max(0, at - now - reach(spent, cost, tonumber(ARGV[next])))
  local after = math.min(at + rest * interval, now + URGENT)
  if after > left then
    store(KEYS[1], 'left', after)
  end
end
return answer
