-- name: beat_heart
-- Writes a sign of life; whether this process is to look at alerts now. A null rest asks for no turn.
select messaging.heartbeat(
  %(process)s,
  %(roles)s::text[],
  %(clock)s::float8 - extract(epoch from clock_timestamp())::float8,
  %(rest)s::interval
)

-- name: forget
-- Takes these processes off the list: they have ended, and nobody need miss them.
delete from messaging.heartbeats
where process = any(%(processes)s::text[])

-- name: forget_replaced
-- Forgets processes that have been silent for long while another one of their kind does the work.
delete from messaging.heartbeats as silent
where
  beaten_at < clock_timestamp() - %(after)s::interval
  and exists (
    select from messaging.heartbeats as other
    where other.role = silent.role and other.beaten_at > clock_timestamp() - %(fresh)s::interval
  )
