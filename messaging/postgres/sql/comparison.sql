-- name: open_seen
-- Makes room, in this session alone, for what Twilio's list shows.
create temporary table seen_at_twilio (
  sid text primary key,
  recipient text not null,
  body text not null,
  bare_body text not null,
  is_ours boolean not null,
  status text not null,
  error_code int,
  created_at timestamptz
)

-- name: open_verdicts
-- Makes room, in this session alone, for what comparing comes to: a row a finding.
create temporary table verdicts (
  id bigint generated always as identity primary key,
  verdict text not null,
  job_id uuid,
  attempt int,
  status text,
  recipient text,
  sid text,
  delivery_status text,
  error_code int,
  due_in interval,
  reason text,
  at timestamptz
)

-- name: note_seen
-- Notes messages that Twilio's list shows; one that comes twice is noted once.
insert into seen_at_twilio
select sid, recipient, body, bare_body, is_ours, status, error_code, created_at
from jsonb_to_recordset(%(seen)s) as listed (
  sid text,
  recipient text,
  body text,
  bare_body text,
  is_ours boolean,
  status text,
  error_code int,
  created_at timestamptz
)
on conflict (sid) do nothing

-- name: analyze_seen
-- Lets the planner know how many there are.
analyze seen_at_twilio

-- name: seen_count
-- How many messages Twilio's list showed.
select count(*)
from seen_at_twilio

-- name: bare_rows
-- Rows that are not prepared and whose numbers end as one does that Twilio texted and no job owns:
-- what they say is not known yet. Those with an id after this one, in order.
with ending as materialized (
  select distinct right(seen.recipient, 7) as digits
  from seen_at_twilio as seen
  where not exists (select from public.message_jobs as j where j.twilio_sid = seen.sid)
)
select id
from public.message_jobs
where
  status in ('scheduled', 'pending')
  and prepared_at is null
  and id > %(after)s
  and (
    right(regexp_replace(recipient_phone, '\D', '', 'g'), 7) in (select digits from ending)
    -- Digits of another script are ours only once they are prepared.
    or octet_length(recipient_phone) > char_length(recipient_phone)
  )
order by id
limit %(most)s

-- name: judge
-- Says what each message that no job owns, and each job that it may be, comes to.
--
-- A job is recorded as sent where one text of Twilio's says the same to the same number, no
-- sooner than the job could be sent, and where neither has a double. A job is held where a text
-- to its number may be it, by its time or by its words, and this is not certain.
with stranger as materialized (
  select seen.*
  from seen_at_twilio as seen
  where
    seen.status <> 'canceled'
    and (seen.created_at <= %(until)s) is not false
    and not exists (select from public.message_jobs as j where j.twilio_sid = seen.sid)
),
waiting as materialized (
  select
    id, attempt, status, recipient_phone, message_content, created_at, due_at,
    case when scheduled_for > clock_timestamp() then scheduled_for end as send_at,
    case
      when %(native)s and scheduled_for <= clock_timestamp() then created_at
      else coalesce(scheduled_for, created_at)
    end as not_before
  from public.message_jobs
  where
    status in ('scheduled', 'pending', 'retrying', 'processing', 'in_doubt', 'held')
    and twilio_sid is null
),
pair as materialized (
  select
    waiting.id,
    stranger.sid,
    stranger.is_ours,
    stranger.created_at >= waiting.not_before - %(skew)s
      or stranger.status = 'scheduled' and waiting.send_at is not null as in_time
  from stranger
  cross join lateral (
    select stranger.body as text
    union
    select stranger.bare_body
    union
    -- A text may have got the opt-out line after what the database remembers.
    select left(full_body.text, -1 - char_length(line.text))
    from unnest(array[stranger.body, stranger.bare_body]) as full_body (text)
    join unnest(%(lines)s::text[]) as line (text)
      on right(full_body.text, 1 + char_length(line.text)) = E'\n' || line.text
  ) as said
  join waiting
    on waiting.recipient_phone = stranger.recipient
    and waiting.message_content = said.text
  where
    waiting.message_content <> ''
    and stranger.created_at >= waiting.created_at - %(skew)s
),
counted as (
  select
    id,
    sid,
    count(*) over (partition by id) as texts,
    count(*) over (partition by sid) as jobs
  from pair
  where in_time and is_ours
),
match as materialized (
  select id, sid
  from counted
  where texts = 1 and jobs = 1
),
left_over as materialized (
  select stranger.*
  from stranger
  where not exists (select from match where match.sid = stranger.sid)
),
suspect as materialized (
  select waiting.id, 'by its words' as why
  from waiting
  where exists (
    select from pair
    join left_over on left_over.sid = pair.sid
    where pair.id = waiting.id
  )
  union all
  select waiting.id, 'by its time' as why
  from waiting
  where exists (
    select from left_over
    where
      left_over.recipient = waiting.recipient_phone
      and (
        left_over.created_at is null
        or left_over.created_at >= waiting.not_before - %(skew)s
        or left_over.status = 'scheduled' and waiting.send_at is not null
      )
  )
),
to_hold as materialized (
  select
    waiting.id,
    case when bool_or(suspect.why = 'by its words') then
      'Twilio has a text that says the same, and which message it is cannot be told'
    else
      'Twilio sent the number a text that may be this one'
    end as reason
  from suspect
  join waiting on waiting.id = suspect.id
  where
    waiting.status <> 'held'
    and not exists (select from match where match.id = waiting.id)
  group by waiting.id
)
insert into verdicts (
  verdict, job_id, attempt, status, recipient, sid, delivery_status, error_code, due_in, reason, at
)
select
  'recorded', waiting.id, waiting.attempt, waiting.status, waiting.recipient_phone, stranger.sid,
  stranger.status, stranger.error_code, waiting.send_at - clock_timestamp(), null::text,
  stranger.created_at
from match
join waiting on waiting.id = match.id
join stranger on stranger.sid = match.sid
union all
select
  'held', waiting.id, waiting.attempt, waiting.status, waiting.recipient_phone, null, null, null,
  null, to_hold.reason, waiting.created_at
from to_hold
join waiting on waiting.id = to_hold.id
union all
select
  'unknown', null, null, null, left_over.recipient, left_over.sid, left_over.status,
  left_over.error_code, null, null, left_over.created_at
from left_over
union all
select
  'waiting', waiting.id, waiting.attempt, waiting.status, waiting.recipient_phone, null, null,
  null, null, null, waiting.created_at
from waiting
where
  (waiting.status = 'pending' or waiting.status in ('scheduled', 'retrying') and
    waiting.due_at <= clock_timestamp())
  and not exists (select from match where match.id = waiting.id)
  and not exists (select from to_hold where to_hold.id = waiting.id)

-- name: judge_missing
-- Says which jobs that were sent in that time have a SID that the list did not show.
insert into verdicts (verdict, job_id, attempt, status, recipient, sid, delivery_status, at)
select 'missing', j.id, j.attempt, j.status, j.recipient_phone, j.twilio_sid, j.delivery_status,
  j.sent_at
from public.message_jobs as j
where
  j.status = 'sent'
  and j.sent_at >= %(since)s
  and coalesce(j.claimed_at, j.sent_at) >= %(since)s
  and coalesce(j.claimed_at, j.sent_at) <= coalesce(%(until)s, clock_timestamp())
  and j.twilio_sid is not null
  and not exists (select from seen_at_twilio as seen where seen.sid = j.twilio_sid)

-- name: drop_verdict
-- Takes a finding back.
delete from verdicts
where id = %(id)s

-- name: verdict_counts
-- How many findings there are of each kind.
select verdict, count(*)
from verdicts
group by verdict

-- name: verdicts
-- Findings of one kind, after the one with this id, in order.
select
  id, verdict, job_id, attempt, status, recipient, sid, delivery_status, error_code, due_in,
  reason, at
from verdicts
where
  verdict = %(verdict)s
  and id > %(after)s
order by id
limit %(most)s

-- name: hold_suspects
-- Holds jobs whose texts may be out, with their journal. A job that has moved on since it was
-- judged is left as it is, and is not in the answer.
with ours as materialized (
  select j.id, verdicts.reason
  from verdicts
  join public.message_jobs as j on j.id = verdicts.job_id
  where
    verdicts.verdict = 'held'
    and j.status = verdicts.status
    and j.attempt = verdicts.attempt
    and j.twilio_sid is null
  order by j.id
  for update of j
),
held as (
  update public.message_jobs as j
  set
    status = 'held',
    due_at = null,
    error_details = jsonb_build_object('message', ours.reason || '.')
  from ours
  where
    j.id = ours.id
    and j.status <> 'held'
  returning j.id, j.attempt, ours.reason
)
insert into messaging.message_events (job_id, kind, attempt, details)
select id, 'held', attempt, jsonb_build_object('status', 'held', 'reason', reason, 'by', %(by)s::text)
from held
returning job_id
