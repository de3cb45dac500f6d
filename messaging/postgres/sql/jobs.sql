-- name: claim
-- Makes pending jobs ours to send, each by exactly one worker, and commits that intention.
-- A job that is missing from the answer is somebody else's, not pending, stopped, or over a cap.
select
  id, attempt, recipient_phone, message_content, media_urls, retry_count, max_retries,
  in_doubt_policy, doubt_resends, null::timestamptz as send_at, null::interval as send_in,
  expires_in, category, time_zone, claimed_at, urgent, dead_code
from messaging.claim(messaging.admit(%(ids)s::uuid[], %(caps)s::jsonb), %(lease)s)

-- name: claim_for_handover
-- Makes scheduled jobs that fit Twilio's own scheduling window ours to hand over.
-- A job that Twilio would not keep, that has a deadline, or that waits for its next try, is not in
-- the answer.
with ours as materialized (
  select id
  from public.message_jobs as job
  where
    status = 'scheduled'
    and due_at between statement_timestamp() + %(soonest)s and statement_timestamp() + %(latest)s
    and handed_over_at is null
    and expires_at is null
    and prepared_at is not null
    -- Not what waits here for the end of quiet hours: Twilio would send it at its own time.
    and due_at <= scheduled_for + interval '1 minute'
    -- Nor what may be the first text to its number when its time comes: who knows that by now?
    and (%(lined)s::text[] is null or not messaging.awaits_opt_out_line(job, %(lined)s))
    and (error_details is null or not error_details ? 'handover_refused')
    and messaging.may_start(priority, recipient_phone, metadata)
  order by due_at
  limit %(most)s
  for update skip locked
)
update public.message_jobs as j
set
  status = 'processing',
  attempt = j.attempt + 1,
  claimed_at = clock_timestamp(),
  due_at = clock_timestamp() + %(lease)s
from ours
where j.id = ours.id
returning
  j.id,
  j.attempt,
  j.recipient_phone,
  j.message_content,
  j.media_urls,
  j.retry_count,
  j.max_retries,
  coalesce(
    j.in_doubt_policy,
    (select t.in_doubt_policy from public.message_templates as t where t.id = j.template_id)
  ) as in_doubt_policy,
  j.doubt_resends,
  j.scheduled_for as send_at,
  j.scheduled_for - clock_timestamp() as send_in,
  null::interval as expires_in,
  coalesce(
    j.category,
    (select t.category from public.message_templates as t where t.id = j.template_id)
  ) as category,
  j.time_zone,
  j.claimed_at,
  messaging.queue_of(j.priority) = 'sms_priority_queue' as urgent,
  null::int as dead_code

-- name: standing
-- What the bridge must know of the jobs that queue entries name and that are not just to be sent.
-- No status: there is no such job.
with found as materialized (
  select
    id,
    status,
    prepared_at is not null as prepared,
    doubt_resends,
    coalesce(clock_timestamp() - claimed_at, interval '0') as age,
    case when %(in_segments)s then greatest(segments, 1) else 1 end as segments,
    attempt = 0
    and opt_out_line is null
    and case
      when %(lined)s::text[] is null then false
      when template_id is null then coalesce(category, 'transactional') = any(%(lined)s)
      else exists (
        select from public.message_templates as t
        where
          t.id = j.template_id
          and (t.opt_out_line is not null or coalesce(j.category, t.category) = any(%(lined)s))
      )
    end
    -- Not `exists`, which may be answered by reading every text that ever had the line.
    and (
      select true
      from messaging.informed_numbers as informed
      where informed.phone = j.recipient_phone
      limit 1
    ) is null as may_need_line
  from public.message_jobs as j
  where id = any(%(ids)s::uuid[])
)
select id, status, prepared, doubt_resends, age, segments, may_need_line
from found
where
  (status, prepared, doubt_resends, segments, may_need_line)
  is distinct from ('pending', true, 0, 1, false)
union all
select wanted.id, null, null, null, null, null, null
from unnest(%(ids)s::uuid[]) as wanted (id)
where wanted.id not in (select id from found)

-- name: unprepared
-- The jobs that came as bare rows: number as written, nothing rendered. Of a template, the version
-- that was current when the row was inserted.
select
  j.id,
  j.recipient_phone,
  j.message_content,
  j.media_urls,
  j.template_vars::text,
  j.category,
  j.time_zone,
  j.scheduled_for,
  j.priority,
  clock_timestamp() as now,
  t.name as template,
  coalesce(v.version, t.version) as template_version,
  coalesce(v.content, messaging.template_content(t))::text as template_content
from public.message_jobs as j
left join public.message_templates as t on t.id = j.template_id
left join messaging.template_versions as v
  on v.template_id = j.template_id and v.version = j.template_version
where
  j.id = any(%(ids)s::uuid[])
  -- Joined to nothing, here and below, so that no index on status fits: where none was pending when
  -- the table was analyzed, all that is pending now would be read.
  and j.status || '' in ('pending', 'scheduled')
  and j.prepared_at is null

-- name: unprepared_soon
-- Ids of scheduled bare rows that could be handed over to Twilio if they were prepared.
select id
from public.message_jobs
where
  status = 'scheduled'
  and due_at between statement_timestamp() + %(soonest)s and statement_timestamp() + %(latest)s
  and prepared_at is null
order by due_at
limit %(most)s

-- name: prepare
-- Writes what preparation found. Jobs that have been prepared meanwhile are left as they are.
select id
from
  messaging.prepare(
    %(ids)s,
    %(phones)s,
    %(contents)s,
    %(media)s,
    %(segments)s,
    %(urgent_lifetime)s,
    %(normal_lifetime)s
  ) as id

-- name: first_texts
-- Those of these jobs that go to a number that has had no opt-out line, before their first try.
select
  id, message_content, has_media, category, template_line, asked_language, template_language,
  languages, gsm7
from messaging.first_texts(%(ids)s::uuid[])

-- name: add_opt_out_lines
-- Adds lines to jobs that nobody has tried yet; a row each.
select id
from messaging.add_opt_out_lines(%(texts)s) as id

-- name: note_opt_out_line
-- Tells those who hand over with SQL which line a body has to leave room for. Mostly it is known.
insert into messaging.opt_out_line (one, line, categories)
select true, %(line)s, %(categories)s
where not exists (
  select from messaging.opt_out_line where line = %(line)s and categories = %(categories)s
)
on conflict (one) do update
set line = excluded.line, categories = excluded.categories, noted_at = clock_timestamp()

-- name: refuse_first_text
-- Fails a job that its line does not fit into. Null: somebody has claimed or ended it.
select messaging.refuse_first_text(%(id)s, %(reason)s)

-- name: refuse
-- Fails a job that can never be sent as it is, with the reason, and says so in its journal.
-- No row: it was prepared, canceled or claimed meanwhile.
with refused as (
  update public.message_jobs
  set
    status = 'failed',
    due_at = null,
    error_details = jsonb_build_object('message', %(reason)s::text)
  where
    id = %(id)s
    and prepared_at is null
    and status || '' in ('pending', 'scheduled')
  returning id
)
insert into messaging.message_events (job_id, kind, details)
select id, 'refused', jsonb_build_object('reason', %(reason)s::text)
from refused
returning job_id

-- name: settle
-- Writes what attempts came to. The jobs in the answer were settled by somebody who knew better.
select job_id
from
  messaging.settle(
    %(job_ids)s,
    %(attempts)s,
    %(statuses)s,
    %(kinds)s,
    %(twilio_sids)s,
    %(delivery_statuses)s,
    %(segments)s,
    %(details)s,
    %(queues)s,
    %(msg_ids)s,
    %(handed_over)s,
    %(due_in)s,
    %(retry_counts)s,
    %(doubt_resends)s,
    %(error_codes)s,
    %(error_details)s,
    %(patience)s
  ) as job_id

-- name: due_now
-- Whether promotion, jobs in doubt and those wanted back from Twilio have something to do.
select promotion, doubts, recalls
from messaging.due_now(%(within)s)

-- name: promote
-- Puts jobs whose time has come into their queues, and those for which sending was resumed; how many.
select messaging.promote(%(most)s)
from messaging.unpark(%(most)s)

-- name: expire
-- Ends waiting jobs whose deadline has passed; how many.
select messaging.expire(%(most)s)

-- name: hurry
-- Gives jobs that expire soon a place in the urgent queue, as far as it has room; how many.
select messaging.hurry(%(within)s, %(most)s)

-- name: restore_entries
-- Gives pending jobs whose queue entry is gone a new one; how many.
select messaging.restore_entries(%(older_than)s, 10000)

-- name: sweep_processing
-- Puts jobs whose worker has died in doubt, with their journal. Their requests may have gone out.
with dead as materialized (
  select id
  from public.message_jobs
  where
    status = 'processing'
    and due_at <= statement_timestamp()
  order by id
  limit 1000
  for update skip locked
),
swept as (
  update public.message_jobs as j
  set
    status = 'in_doubt',
    due_at = clock_timestamp(),
    clean_reads = 0
  from dead
  where j.id = dead.id
  returning j.id, j.attempt
)
insert into messaging.message_events (job_id, kind, attempt, details)
select id, 'swept', attempt, '{"status": "in_doubt", "reason": "the worker did not come back"}'
from swept
returning job_id

-- name: show
-- A job as people look at it. No row: there is none.
select
  j.id, j.status, j.delivery_status, j.recipient_phone, j.message_content, t.name as template,
  j.template_version, j.scheduled_for, j.priority, j.attempt, j.retry_count, j.max_retries,
  j.twilio_sid, j.error_code, j.error_details, j.segments, j.created_at, j.sent_at,
  j.delivered_at, j.due_at, j.time_zone, j.local_time, j.expires_at, j.max_carrier_retries,
  j.carrier_retries
from public.message_jobs as j
left join public.message_templates as t on t.id = j.template_id
where j.id = %(id)s

-- name: events_of_job
-- The journal of a job, oldest first.
select at, kind, attempt, twilio_sid, delivery_status, details
from messaging.message_events
where job_id = %(id)s
order by id

-- name: enqueue
-- Hands drafts over; a row an item: created, duplicate or refused.
select "position", id, result, reason
from messaging.enqueue(%(drafts)s)

-- name: enqueue_prepared
-- Hands prepared drafts over, an array a column; a row an item, in no order: created, duplicate or
-- refused.
select "position", id, result, reason
from messaging.enqueue_prepared(
  %(id)s::uuid[],
  %(user_id)s::uuid[],
  %(recipient_phone)s::text[],
  %(message_content)s::text[],
  %(template_id)s::uuid[],
  %(template_vars)s::text[],
  %(scheduled_for)s::text[],
  %(priority)s::int[],
  %(max_retries)s::int[],
  %(metadata)s::text[],
  %(media_urls)s::text[],
  %(in_doubt_policy)s::text[],
  %(idempotency_key)s::text[],
  %(segments)s::int[],
  %(idempotency_ttl)s::text[],
  %(dedupe_window)s::text[],
  %(expires_at)s::text[],
  %(lifetime)s::text[],
  %(max_carrier_retries)s::int[]
)

-- name: current_versions
-- The versions that these templates have now.
select id, version
from public.message_templates
where id = any(%(ids)s)

-- name: correct_versions
-- Writes down which versions new jobs are made of, where their templates were saved meanwhile.
select messaging.correct_versions(%(ids)s::uuid[], %(versions)s::int[])

-- name: cancel
-- Stops a job that has not gone out: canceled, canceling, too_late or not_found.
select messaging.cancel(%(id)s)

-- name: reschedule
-- Moves a job to another time: rescheduled, rescheduling, past_deadline, too_late or
-- not_found.
select messaging.reschedule(%(id)s, %(scheduled_for)s)

-- name: template
-- A template by id or by name, as it is now. No row: there is none.
select
  t.id,
  t.name,
  t.version,
  messaging.template_content(t)::text as content,
  t.opt_out_line::text as opt_out_line
from public.message_templates as t
where t.id::text = %(wanted)s or t.name = %(wanted)s

-- name: record_receipts
-- Records status callbacks; the rows are those that were new.
select sid, status, job_id
from messaging.record_receipts(%(receipts)s)
