-- name: add
-- Adds a series whose rule and draft have been checked.
insert into messaging.series (id, rule, starts_at, time_zone, draft)
values (
  coalesce(%(id)s, messaging.new_id()), %(rule)s, %(starts_at)s, %(time_zone)s, %(draft)s
)
returning id

-- name: series_due
-- Series that must be looked at now, locked until the end of the transaction.
select id, rule, starts_at, time_zone, draft, status, reason, made_until, clock_timestamp() as now
from messaging.series
where status = 'active' and look_at <= clock_timestamp()
order by look_at
limit %(most)s
for update skip locked

-- name: made
-- The times of a series that are messages, from one on.
select local_time
from messaging.occurrences
where series_id = %(id)s and local_time >= %(since)s

-- name: keep
-- Writes down which messages occurrences became, also in the messages' journals.
with made as (
  insert into messaging.occurrences (series_id, local_time, job_id)
  select %(id)s, unnest(%(local_times)s::timestamp[]), unnest(%(job_ids)s::uuid[])
  returning series_id, local_time, job_id
)
insert into messaging.message_events (job_id, kind, details)
select job_id, 'recurred', jsonb_build_object('series', series_id, 'local_time', local_time)
from made

-- name: looked_at
-- Writes up to where a series is messages, and when somebody looks again; with a status, it is over.
update messaging.series
set
  made_until = %(made_until)s,
  look_at = %(look_at)s,
  status = %(status)s,
  reason = %(reason)s,
  updated_at = clock_timestamp()
where id = %(id)s

-- name: change
-- Makes a series active, paused or stopped: that, too_late or not_found.
select messaging.change_series(%(id)s, %(wanted)s)

-- name: show
-- A series as people look at it. No row: there is none.
select id, rule, starts_at, time_zone, draft, status, reason, made_until, clock_timestamp() as now
from messaging.series
where id = %(id)s

-- name: all
-- The series, the newest first.
select id, rule, starts_at, time_zone, draft, status, reason, made_until, clock_timestamp() as now
from messaging.series
order by id desc
limit %(most)s

-- name: messages_of
-- The latest messages that occurrences of a series became.
select o.local_time, o.job_id, j.status
from messaging.occurrences as o
left join public.message_jobs as j on j.id = o.job_id
where o.series_id = %(id)s
order by o.local_time desc
limit %(most)s
