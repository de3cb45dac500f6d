-- What the bridge asks before it leases entries.
-- KEYS: the breakers of account and sender, then who waits for leave, or '', then the mark by which
-- a Redis that was emptied is known, or ''.
-- Answers {how many texts may begin, or -1 for all, microseconds until any may, tasks that wait for
-- leave, 1 where it was emptied}.
local most, wait = -1, 0
for i = 1, 2 do
  local gate = ask(KEYS[i])
  wait = math.max(wait, gate.wait)
  if gate.state == 'open' then
    most = 1
  end
end
local waiting = KEYS[3] ~= '' and redis.call('zcard', KEYS[3]) or 0
local emptied = KEYS[4] ~= '' and redis.call('set', KEYS[4], 1, 'nx') and 1 or 0
return {most, most == 1 and wait or 0, waiting, emptied}
