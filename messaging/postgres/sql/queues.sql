-- name: lease
-- Takes queue entries for a while; those that are not deleted by then come back by themselves. None
-- where the queue is halted, by a person or by a cap. Nobody waits until the disk has it: where Postgres
-- loses a lease in a crash, the entry is only read again sooner, and the claim makes that harmless.
select msg_id, written
from
  set_config('synchronous_commit', 'off', true),
  messaging.lease(%(queue)s, %(lease)s, %(most)s, %(caps)s::jsonb)

-- name: release
-- Makes a leased entry visible again after this many seconds.
select msg_id
from pgmq.set_vt(%(queue)s, %(msg_id)s::bigint, %(after)s::integer)

-- name: release_all
-- Makes every leased entry visible again; how many.
select messaging.release_entries(%(queue)s)

-- name: delete
-- Removes entries for good; those that are gone already are not in the answer.
select pgmq.delete(%(queue)s, %(msg_ids)s::bigint[])

-- name: bury
-- Parks an entry that nobody can use in the dead letters, with the reason.
select pgmq.send(
  'sms_dlq',
  jsonb_build_object(
    'reason', %(reason)s::text,
    'queue', %(queue)s::text,
    'msg_id', %(msg_id)s::bigint,
    'message', %(written)s::jsonb
  )
)

-- name: depth
-- How long each queue is and how old its oldest entry, in seconds.
select lane, queue_length, oldest_msg_age_sec, total_messages
from messaging.queue_depth

-- name: campaigns
-- The campaigns that take turns in the normal lane, the one with the most entries first.
select campaign, entries, has_more, oldest_age_sec
from messaging.waiting_campaigns
order by entries desc, oldest_age_sec desc

-- name: turn
-- With how many campaigns a message takes turns, and how much of its own waits; no row where it waits
-- for no turn.
with waiting as materialized (
  select campaign, entries, has_more from messaging.waiting_campaigns
)
select (select count(*) from waiting) as campaigns, own.campaign, own.entries, own.has_more
from public.message_jobs as job
join waiting as own
  on own.campaign is not distinct from nullif(job.metadata ->> 'campaign', '')
where
  job.id = %(job_id)s
  and job.status = 'pending'
  and messaging.queue_of(job.priority) = 'sms_queue'

-- name: be_patient
-- How long this connection waits for its turn, and that the server notices within half a minute
-- when we are gone, so that the turn is free again; and that `is_empty` never reads what a queue
-- has left behind.
select
  set_config('lock_timeout', %(patience)s, false),
  set_config('enable_seqscan', 'off', false),
  set_config('tcp_keepalives_idle', '10', false),
  set_config('tcp_keepalives_interval', '5', false),
  set_config('tcp_keepalives_count', '3', false)

-- name: take_turn
-- Waits for the only place at a lane; it is given up with the connection.
select pg_advisory_lock(%(lock)s)

-- name: listen
-- Wakes this connection when entries are put into any queue; the payload names the queue.
listen messaging_entries

-- name: is_empty
-- Whether a lane's queue has no entries, visible or leased.
select not case %(queue)s
  when 'sms_priority_queue' then
    exists (select from pgmq.q_sms_priority_queue where msg_id > 0)
  else exists (select from pgmq.q_sms_queue where msg_id > 0)
end

-- name: session
-- The server process that does this connection's work.
select pg_backend_pid()
