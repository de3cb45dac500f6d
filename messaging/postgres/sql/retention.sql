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

-- name: note_deletion
-- Writes down how many rows of a kind were deleted, of at most so many.
select messaging.note_deletion(%(walk)s, %(removed)s, %(most)s)

-- name: kept
-- Of each kind that may be deleted: the oldest that is there, what is over its time and would go
-- though it was not looked at yet (of ten thousand that are), and what was done so far.
with walks as materialized (
  select * from messaging.retention_walks
),
next as (
  select 'sent' as walk, messaging.is_spent(job, %(keep)s::interval, %(keep_dead)s::interval) as goes
  from (
    select j as job
    from public.message_jobs as j
    where
      j.status = 'sent'
      and j.sent_at >= (select at from walks where walk = 'sent')
      and (j.sent_at, j.id) > (select at, id from walks where walk = 'sent')
      and j.sent_at < now() - %(keep)s::interval
    order by j.sent_at, j.id
    limit 10000
  ) as oldest
  union all
  select 'failed', messaging.is_spent(job, %(keep)s::interval, %(keep_dead)s::interval)
  from (
    select j as job
    from public.message_jobs as j
    where
      j.status = 'failed'
      and j.created_at >= (select at from walks where walk = 'failed')
      and (j.created_at, j.id) > (select at, id from walks where walk = 'failed')
      and j.created_at < now() - least(%(keep)s::interval, %(keep_dead)s::interval)
    order by j.created_at, j.id
    limit 10000
  ) as oldest
  union all
  select 'withdrawn', messaging.is_spent(job, %(keep)s::interval, %(keep_dead)s::interval)
  from (
    select j as job
    from public.message_jobs as j
    where
      j.status in ('canceled', 'expired', 'suppressed')
      and j.updated_at >= (select at from walks where walk = 'withdrawn')
      and (j.updated_at, j.id) > (select at, id from walks where walk = 'withdrawn')
      and j.updated_at < now() - %(keep)s::interval
    order by j.updated_at, j.id
    limit 10000
  ) as oldest
  union all
  select
    'journal',
    job.id is null
    or job.status in ('sent', 'canceled', 'expired', 'suppressed')
    or job.status = 'failed' and job.acknowledged_at is not null
  from (
    select e.job_id, e.at
    from messaging.message_events as e
    where e.id > (select event_id from walks where walk = 'journal')
    order by e.id
    limit case when %(keep_journal)s::interval is null then 0 else 10000 end
  ) as oldest
  left join public.message_jobs as job on job.id = any(array[oldest.job_id])
  where oldest.at < now() - %(keep_journal)s::interval
  union all
  select 'letters', true
  from (
    select enqueued_at as at
    from (select enqueued_at from pgmq.q_sms_dlq order by msg_id limit 10000) as queue
    union all
    select archived_at
    from (select archived_at from pgmq.a_sms_dlq order by archived_at limit 10000) as archive
  ) as oldest
  where oldest.at < now() - %(keep_dead)s::interval
  union all
  select 'processes', true
  from messaging.heartbeats
  where beaten_at < now() - %(keep_processes)s::interval
)
select
  w.walk,
  case w.walk
    when 'sent' then (select min(sent_at) from public.message_jobs where status = 'sent')
    when 'failed' then (select min(created_at) from public.message_jobs where status = 'failed')
    when 'withdrawn' then (
      select min(updated_at) from public.message_jobs
      where status in ('canceled', 'expired', 'suppressed')
    )
    when 'journal' then (select at from messaging.message_events order by id limit 1)
    when 'letters' then least(
      (select enqueued_at from pgmq.q_sms_dlq order by msg_id limit 1),
      (select min(archived_at) from pgmq.a_sms_dlq)
    )
    when 'processes' then (select min(beaten_at) from messaging.heartbeats)
  end as oldest,
  coalesce(late.rows, 0) as overdue,
  coalesce(late.seen >= 10000, false) as has_more,
  w.ran_at,
  w.finished_at,
  w.removed_at,
  case
    when (w.removed_at at time zone 'UTC')::date = (now() at time zone 'UTC')::date
    then w.removed_then
    else 0
  end as removed_today,
  w.removed_in_all,
  now() as now
from walks as w
left join (
  select walk, count(*) filter (where goes) as rows, count(*) as seen from next group by walk
) as late using (walk)
order by
  array_position(array['sent', 'failed', 'withdrawn', 'journal', 'letters', 'processes'], w.walk)

-- name: kept_otherwise
-- The oldest of what no setting deletes; an erasure takes numbers and words from it.
select 'inbound' as kind, min(at) as oldest from messaging.inbound_messages
union all
select 'ledger', (select at from messaging.consent_events order by id limit 1)
union all
select 'series', min(created_at) from messaging.series
union all
select 'archives', least(
  (select min(archived_at) from pgmq.a_sms_queue),
  (select min(archived_at) from pgmq.a_sms_priority_queue)
)
union all
select 'cap_uses', min(at) from messaging.cap_uses

-- name: be_modest
-- No statement of this transaction takes long, or waits for long.
select set_config('statement_timeout', '10s', true), set_config('lock_timeout', '1s', true)
