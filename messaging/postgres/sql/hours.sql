-- name: now
-- The time by the database's clock.
select clock_timestamp()

-- name: keep_clocks
-- Writes category, zone and local time to messages that this transaction has handed over.
select messaging.keep_clocks(%(clocks)s)

-- name: defer
-- Lets messages wait for the end of quiet hours; a row each that was not under way meanwhile.
select id
from messaging.defer(%(waits)s) as id

-- name: behind_the_zones
-- Messages that wait for a time on a wall clock which older time zones, or Postgres's, made an instant.
select id, local_time, time_zone
from public.message_jobs
where
  local_time is not null
  and status = 'scheduled'
  and handed_over_at is null
  and (zone_version is null or zone_version < %(zone_version)s)
limit %(most)s

-- name: set_times
-- Sets those messages to what newer time zones say; a row each that still waited.
select id
from messaging.set_times(%(times)s) as id
