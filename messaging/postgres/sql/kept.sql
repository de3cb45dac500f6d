-- name: recall_due
-- Takes jobs that are wanted back from Twilio's scheduling, for the time of %(lease)s: so many that
-- Twilio can be asked about all of them before it is over.
with due as materialized (
  select id
  from public.message_jobs
  where
    recall is not null
    and handed_over_at is not null
    and due_at <= statement_timestamp()
  order by due_at
  limit 100
  for update skip locked
)
update public.message_jobs as j
set due_at = clock_timestamp() + %(lease)s
from due
where j.id = due.id
returning j.id, j.twilio_sid, j.recall

-- name: recalled
-- Twilio dropped the text: the job is canceled, or ours again to send at its new time.
-- No row: a receipt said otherwise first.
with back as (
  update public.message_jobs
  set
    status = case recall when 'cancel' then 'canceled' else 'scheduled' end,
    due_at = case recall when 'reschedule' then scheduled_for end,
    twilio_sid = case recall when 'cancel' then twilio_sid end,
    delivery_status = case recall when 'cancel' then 'canceled' end,
    handed_over_at = null,
    recall = null
  where
    id = %(id)s
    and status = 'scheduled'
    and recall is not null
    and twilio_sid = %(sid)s
  returning id, status
)
insert into messaging.message_events (job_id, kind, twilio_sid, details)
select id, 'recalled', %(sid)s, jsonb_build_object('status', status)
from back
returning job_id

-- name: recall_too_late
-- Twilio has begun to send the text: the wish is dropped, and its receipts tell the rest.
-- No row: one of them has come already.
with kept as (
  update public.message_jobs
  set recall = null, due_at = clock_timestamp() + %(wait)s
  where
    id = %(id)s
    and status = 'scheduled'
    and recall is not null
    and twilio_sid = %(sid)s
  returning id
)
insert into messaging.message_events (job_id, kind, twilio_sid, details)
select id, 'recall_too_late', %(sid)s, '{}'
from kept
returning job_id

-- name: handover_due
-- Takes jobs that Twilio keeps and whose time has passed without a receipt, to ask after them.
with due as materialized (
  select id
  from public.message_jobs
  where
    status = 'scheduled'
    and handed_over_at is not null
    and recall is null
    and due_at <= statement_timestamp()
  order by due_at
  limit 100
  for update skip locked
)
update public.message_jobs as j
set due_at = clock_timestamp() + %(lease)s
from due
where j.id = due.id
returning j.id, j.twilio_sid

-- name: gone_at_twilio
-- Twilio no longer knows a text that it was to keep: it was deleted there, and not by us.
-- No row: a receipt said otherwise first.
with gone as (
  update public.message_jobs
  set
    status = 'failed',
    due_at = null,
    error_details = '{"message": "Twilio no longer has this text: it was deleted there."}'
  where
    id = %(id)s
    and status = 'scheduled'
    and twilio_sid = %(sid)s
  returning id
)
insert into messaging.message_events (job_id, kind, twilio_sid, details)
select id, 'gone_at_twilio', %(sid)s, '{}'
from gone
returning job_id
