-- name: in_doubt_due
-- Takes jobs in doubt that want a look, for the time of %(lease)s; they come back by themselves.
with due as materialized (
  select id
  from public.message_jobs
  where
    status = 'in_doubt'
    and due_at <= statement_timestamp()
  order by due_at
  limit %(most)s
  for update skip locked
)
update public.message_jobs as j
set due_at = clock_timestamp() + %(lease)s
from due
where j.id = due.id
returning
  j.id,
  j.attempt,
  j.recipient_phone,
  j.message_content,
  cardinality(j.media_urls) > 0 as has_media,
  coalesce(
    j.in_doubt_policy,
    (select t.in_doubt_policy from public.message_templates as t where t.id = j.template_id)
  ) as in_doubt_policy,
  j.doubt_resends,
  j.clean_reads,
  coalesce(j.claimed_at, j.created_at) as claimed_at,
  clock_timestamp() - coalesce(j.claimed_at, j.created_at) as age,
  case when j.scheduled_for > clock_timestamp() then
    j.scheduled_for - clock_timestamp()
  end as send_in,
  j.expires_at - clock_timestamp() as expires_in

-- name: owned_sids
-- Which of these SIDs already belong to a job.
select twilio_sid
from public.message_jobs
where twilio_sid = any(%(sids)s)

-- name: note_clean_read
-- Counts a full read of Twilio's list that did not show the job, the one after %(clean_reads)s.
-- No row: it is settled, or that read was counted already.
update public.message_jobs
set
  clean_reads = clean_reads + 1,
  due_at = clock_timestamp() + %(wait)s
where
  id = %(id)s
  and status = 'in_doubt'
  and attempt = %(attempt)s
  and clean_reads = %(clean_reads)s
returning clean_reads

-- name: note_silence
-- Says when to look again after a look that told nothing. No row: it is settled.
update public.message_jobs
set due_at = clock_timestamp() + %(wait)s
where
  id = %(id)s
  and status = 'in_doubt'
  and attempt = %(attempt)s
returning id
