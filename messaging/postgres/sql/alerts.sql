-- name: readings
-- The figures that alerts are about. Counts stop at their threshold: to count on would cost a deep
-- queue dearly, and change nothing.
select 'queue_depth' as name, 'urgent' as subject, (
  select count(*)::float8
  from (select from pgmq.q_sms_priority_queue limit %(queue_depth)s) as bounded
) as value
union all
select 'queue_depth', 'normal', (
  select count(*)::float8 from (select from pgmq.q_sms_queue limit %(queue_depth)s) as bounded
)
union all
select 'dead_letters', '', (
  select count(*)::float8 from (select from pgmq.q_sms_dlq limit %(dead_letters)s) as bounded
)
union all
select 'queue_age', '', coalesce(
  greatest(extract(epoch from clock_timestamp() - (
    select min(due_at) from public.message_jobs where status = 'pending'
  ))::float8, 0),
  0
)
union all
select 'in_doubt', '', (
  select count(*)::float8
  from (
    select from public.message_jobs where status = 'in_doubt' limit %(in_doubt)s
  ) as bounded
)
union all
select 'held', '', (
  select count(*)::float8
  from (select from public.message_jobs where status = 'held' limit %(held)s) as bounded
)
union all
-- Of the newest thousand lines of the journal, in the last quarter of an hour.
select 'failure_rate', '', (
  select
    case
      when count(*) filter (where went in ('sent', 'failed')) < 20 then 0
      else least(
        1,
        (count(*) filter (where went in ('failed', 'undelivered')))::float8
        / count(*) filter (where went in ('sent', 'failed'))
      )
    end
  from (
    select
      case
        when kind = 'receipt' and delivery_status in ('failed', 'undelivered') then 'undelivered'
        when kind <> 'receipt' then details ->> 'status'
      end as went
    from (
      select * from messaging.message_events order by id desc limit 1000
    ) as newest
    where at > clock_timestamp() - interval '15 minutes'
  ) as lately
)
union all
select 'clock_skew', '', (
  select coalesce(max(abs(skew)), 0)
  from messaging.heartbeats
  where beaten_at > clock_timestamp() - %(silence)s::interval
)
union all
select 'bloat', relation, coalesce(messaging.dead_share(relation::regclass), 0)
from unnest(
  array['public.message_jobs', 'pgmq.q_sms_queue', 'pgmq.q_sms_priority_queue']
) as relation
union all
select 'stopped', concat_ws(' ', scope, nullif(value, '')), 1
from messaging.stops
where resumed_at is null
union all
select 'cap_reached', '', messaging.is_full(%(caps)s::jsonb)::int
union all
-- How long the most silent process of each kind has been; a kind that must be there and is not has
-- been silent for ever.
select 'silent', kind.role, coalesce(
  extract(epoch from clock_timestamp() - min(beaten_at))::float8,
  case when kind.role = 'web' then 0 else 'infinity'::float8 end
)
from unnest(array['web', 'worker', 'bridge', 'beat']) as kind (role)
left join messaging.heartbeats as known on known.role = kind.role
group by kind.role

-- name: known
-- All that is wrong or was a short while ago, and the time.
select name, subject, since, seen_at, fired_at, value, detail
from messaging.alerts
order by name, subject

-- name: clock
-- The time.
select clock_timestamp()

-- name: begin_alert
-- Notes what is wrong for the first time; nothing where somebody has.
insert into messaging.alerts (name, subject, since, seen_at, value, detail)
values (%(name)s, %(subject)s, %(now)s, %(now)s, %(value)s, %(detail)s)
on conflict do nothing

-- name: see_alert
-- Notes that it is still wrong.
update messaging.alerts
set seen_at = %(now)s, value = %(value)s, detail = %(detail)s
where name = %(name)s and subject = %(subject)s and since = %(since)s

-- name: fire_alert
-- Lets an alert fire and leaves the news for each channel; no row where it has fired before.
with fired as (
  update messaging.alerts
  set
    fired_at = clock_timestamp(), seen_at = %(now)s, value = %(value)s, detail = %(detail)s
  where
    name = %(name)s and subject = %(subject)s and since = %(since)s and fired_at is null
  returning *
),
noted as (
  insert into messaging.alert_notices (channel, name, subject, state, value, since, detail)
  select channel, name, subject, 'firing', value, since, detail
  from fired
  cross join unnest(%(channels)s::text[]) as channel
)
select name from fired

-- name: end_alert
-- Forgets what is well again and leaves the news for each channel if it had fired; no row where
-- somebody has, or where it was seen since.
with ended as (
  delete from messaging.alerts
  where
    name = %(name)s and subject = %(subject)s and since = %(since)s and seen_at = %(seen_at)s
  returning *
),
noted as (
  insert into messaging.alert_notices (channel, name, subject, state, value, since, detail)
  select channel, name, subject, 'resolved', %(value)s, since, detail
  from ended
  cross join unnest(%(channels)s::text[]) as channel
  where fired_at is not null
)
select name from ended

-- name: take_notice
-- Takes the next news to tell by a channel of ours, and leaves them to nobody else for a while that
-- grows with each try; no row where none are due.
update messaging.alert_notices
set
  attempts = attempts + 1,
  next_at = clock_timestamp() + least(
    %(first)s::interval * power(2, least(attempts, 12)), %(longest)s::interval
  )
where id = (
  select id
  from messaging.alert_notices as next
  where
    next_at <= clock_timestamp()
    and channel = any(%(channels)s::text[])
    -- That it is over is told after that it began.
    and not exists (
      select from messaging.alert_notices as earlier
      where
        earlier.channel = next.channel and earlier.name = next.name
        and earlier.subject = next.subject and earlier.id < next.id
    )
  order by id
  limit 1
  for update skip locked
)
returning
  id, channel, name, subject, state, value, since, at, attempts, detail,
  extract(epoch from clock_timestamp())::bigint as told_at

-- name: drop_notice
-- Forgets news that were told, or are too old.
delete from messaging.alert_notices
where id = %(id)s

-- name: drop_old_notices
-- Gives up news that nobody has taken for so long; how many are not told.
delete from messaging.alert_notices
where at < clock_timestamp() - %(after)s::interval

-- name: be_brief
-- No statement of this transaction takes longer: a look that hangs would hang again and again.
select set_config('statement_timeout', '5s', true), set_config('lock_timeout', '2s', true)

-- name: firing
-- How many alerts have been told and are not over, by name.
select name, count(*) as alerts
from messaging.alerts
where fired_at is not null
group by name

-- name: silences
-- For how many seconds the most silent process of each kind has been.
select role, extract(epoch from clock_timestamp() - min(beaten_at))::float8 as silence
from messaging.heartbeats
group by role
