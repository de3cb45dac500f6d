-- name: forget_jobs
-- Deletes what is spent among the next old messages of a walk; how many it looked at and deleted.
select looked, deleted
from messaging.forget_jobs(%(walk)s, %(keep)s::interval, %(keep_dead)s::interval, %(most)s)

-- name: forget_journal
-- Deletes the journals of ended messages among the next old events; how many events it looked at
-- and deleted.
select looked, deleted
from messaging.forget_journal(%(keep)s::interval, %(most)s)

-- name: forget_letters
-- Deletes old entries that nobody could use, or that a person has seen to; how many.
select messaging.forget_letters(%(keep)s::interval, %(most)s)

-- name: forget_processes
-- Forgets processes that have been silent for so long.
delete from messaging.heartbeats
where beaten_at < clock_timestamp() - %(keep)s::interval

-- name: be_modest
-- No statement of this transaction takes long, or waits for long.
select set_config('statement_timeout', '10s', true), set_config('lock_timeout', '1s', true)
