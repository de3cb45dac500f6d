-- Counts what answers said, and tells all that is needed to judge it.
-- KEYS: the breakers of account and sender, and their results. ARGV: the generation of each when
-- the texts were let through, the seconds that results are kept, how many passed, and how many
-- failures there were of account and sender.
-- Answers {now, results, account, sender}, the last three as lists of fields and values.
local passed, failed = tonumber(ARGV[4]), {tonumber(ARGV[5]), tonumber(ARGV[6])}
local window = tonumber(ARGV[3])
count(KEYS[3], KEYS, window, 'p', passed)
for i, name in ipairs({'a', 's'}) do
  local generation = redis.call('hget', KEYS[i], 'generation')
  if not generation or generation == ARGV[i] then
    count(KEYS[3], KEYS, window, name, failed[i])
  end
end
return {
  string.format('%.0f', now),
  redis.call('hgetall', KEYS[3]),
  redis.call('hgetall', KEYS[1]),
  redis.call('hgetall', KEYS[2]),
}
