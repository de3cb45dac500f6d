-- name: waiting
-- Jobs by each status that is not final, and for how many seconds the oldest has been due.
select
  status,
  count(*) as jobs,
  greatest(extract(epoch from clock_timestamp() - min(due_at)), 0)::float8 as overdue
from public.message_jobs
where status in ('scheduled', 'pending', 'processing', 'retrying', 'in_doubt', 'held')
group by status

-- name: recent
-- What became of messages in the last 24 hours.
select
  day.sent,
  day.delivered,
  day.undelivered,
  (select count(*) from public.message_jobs
    where status = 'failed' and created_at >= statement_timestamp() - interval '24 hours'
  ) as failed,
  (select sent_today from messaging.sent_today) as sent_today
from (
  select
    count(*) as sent,
    count(*) filter (where delivery_status in ('delivered', 'read')) as delivered,
    count(*) filter (where delivery_status in ('failed', 'undelivered')) as undelivered
  from public.message_jobs
  where status = 'sent' and sent_at >= statement_timestamp() - interval '24 hours'
) as day

-- name: versions
-- What the server and pgmq call themselves.
select
  current_setting('server_version') as postgres,
  coalesce(
    (select extversion from pg_extension where extname = 'pgmq'),
    case when to_regnamespace('pgmq') is not null then 'as plain SQL' end
  ) as pgmq,
  clock_timestamp() as clock

-- name: failures
-- Why messages of the last 24 hours failed or did not arrive, the most frequent reason first.
-- A reason with a code of Twilio's is told by its code: Twilio's sentences differ by number.
select outcome, error_code, reason, count(*) as messages
from (
  select
    'failed' as outcome,
    error_code,
    case when error_code is null then error_details ->> 'message' end as reason
  from public.message_jobs
  where status = 'failed' and created_at >= statement_timestamp() - interval '24 hours'
  union all
  select
    'undelivered' as outcome,
    error_code,
    null as reason
  from public.message_jobs
  where
    status = 'sent'
    and sent_at >= statement_timestamp() - interval '24 hours'
    and delivery_status in ('failed', 'undelivered')
) as bad
group by outcome, error_code, reason
order by messages desc, outcome, error_code, reason
limit 20

-- name: behind
-- How many seconds old a replica's picture is: 0 where it has replayed all that it got and still
-- gets more, and on a server that is no replica.
select case
  when not pg_is_in_recovery() then 0
  when
    exists (select from pg_stat_wal_receiver)
    and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
  then 0
  else greatest(
    coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0), 0
  )
end::float8

-- name: sent_per_second
-- How many messages a second Twilio took, over the last ten.
select count(*) / 10.0 as sent_per_second
from public.message_jobs
where status = 'sent' and sent_at >= statement_timestamp() - interval '10 seconds'

-- name: alive
-- How many processes of each kind have given a sign of life within %(silence)s seconds.
select role, count(*)
from messaging.heartbeats
where beaten_at > statement_timestamp() - make_interval(secs => %(silence)s)
group by role
