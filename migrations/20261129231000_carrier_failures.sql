-- What carriers report later: numbers that take no texts are remembered and spared, and a text that did not
-- arrive for a reason that passes is sent again, as a new message, where the message allows it.

create table messaging.dead_numbers (
  phone text primary key,
  error_code int not null,
  since timestamptz not null default clock_timestamp(),
  until timestamptz not null,
  twilio_sid text
);
comment on table messaging.dead_numbers is
  'Numbers that take no texts, as carriers reported. Messages to them are suppressed for a while.';
comment on column messaging.dead_numbers.phone is 'The number, in E.164.';
comment on column messaging.dead_numbers.error_code is 'What Twilio reported last of it.';
comment on column messaging.dead_numbers.since is 'When that was reported first.';
comment on column messaging.dead_numbers.until is
  'From then on it is tried again; each report anew moves this on.';
comment on column messaging.dead_numbers.twilio_sid is 'The text that it was last reported of.';
alter table messaging.dead_numbers enable row level security;

-- serves: retry_undelivered; a text that did not arrive is sent again once
create unique index message_jobs_carrier_retry on public.message_jobs (retry_of)
where carrier_retries > 0;

-- serves: awaits_arrivals; what is sent again and still waits
create index message_jobs_carrier_retry_waits on public.message_jobs (retry_of)
where carrier_retries > 0 and status in ('scheduled', 'pending', 'retrying');

create function messaging.remember_dead(sids text[], lasting interval) returns int
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  remembered int;
begin
  insert into messaging.dead_numbers as known (phone, error_code, until, twilio_sid)
  select distinct on (j.recipient_phone)
    j.recipient_phone, j.error_code, clock_timestamp() + lasting, j.twilio_sid
  from unnest(sids) as told (sid)
  join public.message_jobs as j on j.twilio_sid = any(array[told.sid])
  where j.delivery_status in ('undelivered', 'failed') and j.error_code is not null
  order by j.recipient_phone, j.sent_at desc
  on conflict (phone) do update
  set
    error_code = excluded.error_code,
    until = greatest(known.until, excluded.until),
    twilio_sid = excluded.twilio_sid;
  get diagnostics remembered = row_count;
  return remembered;
end
$$;
comment on function messaging.remember_dead(text[], interval) is
  'Remembers for so long that the numbers of these texts, which did not arrive, take no texts; returns '
  'how many. Which of Twilio''s codes say so, the caller knows.';

create function messaging.retry_undelivered(sids text[], at_least interval[], most int)
returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return query
  with asked as materialized (
    select
      j.*,
      greatest(
        told.wait,
        case j.carrier_retries
          when 0 then interval '1 minute'
          when 1 then interval '10 minutes'
          else interval '1 hour'
        end
      ) as wait,
      messaging.new_id() as new_id
    from unnest(sids, at_least) as told (sid, wait)
    join public.message_jobs as j on j.twilio_sid = any(array[told.sid])
    where
      j.status = 'sent'
      and j.delivery_status in ('undelivered', 'failed')
      and j.carrier_retries < coalesce(j.max_carrier_retries, most)
      -- Somebody has sent it again already.
      and not exists (
        select from public.message_jobs as later where later.retry_of = any(array[j.id])
      )
    order by j.id
  ),
  again as (
    insert into public.message_jobs (
      id, retry_of, user_id, recipient_phone, message_content, template_id, template_vars,
      media_urls, scheduled_for, priority, max_retries, metadata, in_doubt_policy, prepared_at,
      segments, expires_at, max_carrier_retries, carrier_retries
    )
    select
      new_id, id, user_id, recipient_phone, message_content, template_id, template_vars,
      media_urls, clock_timestamp() + wait, priority, max_retries, metadata, in_doubt_policy,
      prepared_at, segments, expires_at, max_carrier_retries, carrier_retries + 1
    from asked
    where (expires_at <= clock_timestamp() + wait) is not true
    on conflict do nothing
    returning id, retry_of
  ),
  journal as (
    insert into messaging.message_events (job_id, kind, twilio_sid, details)
    select told.job_id, 'carrier_retry', told.sid, told.details
    from asked
    left join again on again.retry_of = asked.id
    cross join lateral (
      values
        (
          asked.id,
          asked.twilio_sid,
          jsonb_strip_nulls(
            jsonb_build_object(
              'code', asked.error_code,
              'as', again.id,
              'reason', case when again.id is null then 'deadline' end
            )
          )
        ),
        (again.id, null, jsonb_build_object('code', asked.error_code, 'of', asked.id))
    ) as told (job_id, sid, details)
    where told.job_id is not null
  )
  select again.id from again;
end
$$;
comment on function messaging.retry_undelivered(text[], interval[], int) is
  'Sends texts that did not arrive again, each as a new message with retry_of, after a wait of at least '
  'so long, and at most as often as the message says, else so often; returns the new ones. Once for each '
  'text, however often it is called. Which of Twilio''s codes allow it, the caller knows.';

create function messaging.awaits_arrivals() returns boolean
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return exists (select from messaging.dead_numbers) or exists (
    select from public.message_jobs
    where carrier_retries > 0 and status in ('scheduled', 'pending', 'retrying')
  );
end
$$;
comment on function messaging.awaits_arrivals() is
  'Whether messaging.note_arrivals could find anything to do.';

-- Twilio may report a text as delivered after it has reported it as undelivered.
create function messaging.note_arrivals(sids text[]) returns int
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  canceled int;
begin
  -- In their order, so that two groups never wait for each other in a circle.
  with alive as materialized (
    select known.phone
    from unnest(sids) as told (sid)
    join public.message_jobs as j on j.twilio_sid = any(array[told.sid])
    join messaging.dead_numbers as known on known.phone = j.recipient_phone
    order by known.phone
    for update of known
  )
  delete from messaging.dead_numbers as known
  using alive
  where known.phone = alive.phone;

  with needless as materialized (
    select later.id
    from unnest(sids) as told (sid)
    join public.message_jobs as j on j.twilio_sid = any(array[told.sid])
    cross join lateral messaging.replays_of(j.id) as replay (id)
    join public.message_jobs as later on later.id = replay.id
    where
      -- The word that came first stays; only read, which outranks it, takes its place.
      j.delivery_status in ('undelivered', 'failed', 'read')
      and later.carrier_retries > 0
      and later.status in ('scheduled', 'pending', 'retrying')
      and later.handed_over_at is null
    order by later.id
    for update of later
  ),
  ended as (
    update public.message_jobs as j
    set
      status = 'canceled',
      due_at = null,
      error_details = '{"message": "The text that it repeats has arrived after all."}'
    from needless
    where j.id = needless.id
    returning j.id
  )
  insert into messaging.message_events (job_id, kind, details)
  select id, 'carrier_retry', '{"reason": "arrived", "status": "canceled"}'
  from ended;
  get diagnostics canceled = row_count;
  return canceled;
end
$$;
comment on function messaging.note_arrivals(text[]) is
  'These texts have arrived: their numbers are not dead, and a repetition that still waits is canceled; '
  'returns how many were.';

create function messaging.forget_number(phone text) returns boolean
language plpgsql
as $$
begin
  delete from messaging.dead_numbers as known where known.phone = forget_number.phone;
  return found;
end
$$;
comment on function messaging.forget_number(text) is
  'Forgets that a number (E.164) takes no texts: the next message to it is sent. False where nobody had '
  'said so.';

-- Of these messages, suppresses those whose numbers take no texts when they are to be sent.
create function messaging.suppress_dead(jobs uuid[]) returns uuid[]
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  spared uuid[];
begin
  with suppressed as (
    update public.message_jobs as j
    set
      status = 'suppressed',
      due_at = null,
      error_details = jsonb_build_object(
        'message', format('The number takes no texts: a carrier reported %s.', known.error_code),
        'rule', 'dead_number'
      )
    from messaging.dead_numbers as known
    where
      j.id = any(jobs)
      and j.status in ('pending', 'scheduled')
      and known.phone = j.recipient_phone
      and known.until > greatest(clock_timestamp(), j.scheduled_for)
    returning j.id, j.error_details
  ),
  journal as (
    insert into messaging.message_events (job_id, kind, details)
    select
      id,
      'suppressed',
      jsonb_build_object(
        'status', 'suppressed', 'rule', 'dead_number', 'reason', error_details ->> 'message'
      )
    from suppressed
  )
  select array_agg(id) into spared from suppressed;
  return coalesce(spared, '{}');
end
$$;
comment on function messaging.suppress_dead(uuid[]) is
  'Suppresses those of these messages whose numbers take no texts; returns them.';

-- As it was, but that messages to dead numbers get no entry.
create or replace function messaging.queue_new_jobs() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  urgent uuid[];
  normal uuid[];
  spared uuid[] := '{}';
begin
  if exists (select from messaging.dead_numbers) then
    spared := messaging.suppress_dead(array(select id from added));
  end if;

  select
    array_agg(id) filter (where messaging.queue_of(priority) = 'sms_priority_queue'),
    array_agg(id) filter (where messaging.queue_of(priority) = 'sms_queue')
  into urgent, normal
  from added
  where status = 'pending' and id <> all(spared);

  perform messaging.add_entries('sms_priority_queue', urgent);
  perform messaging.add_entries('sms_queue', normal);
  return null;
end
$$;

-- As it was, with what the review must know: the deadline, the hour, and what a carrier reported of the
-- number.
drop function messaging.claim(uuid[], interval);

create function messaging.claim(ids uuid[], lease interval)
returns table (
  id uuid,
  attempt int,
  recipient_phone text,
  message_content text,
  media_urls text[],
  retry_count int,
  max_retries int,
  in_doubt_policy text,
  doubt_resends int,
  expires_in interval,
  category text,
  time_zone text,
  claimed_at timestamptz,
  urgent boolean,
  dead_code int
)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  with ours as materialized (
    select id
    from public.message_jobs
    where
      id = any(ids)
      -- Joined to nothing, so that no index on status fits: all that is pending would be read.
      and status || '' = 'pending'
      and prepared_at is not null
    order by id
    for update skip locked
  )
  update public.message_jobs as j
  set
    status = 'processing',
    attempt = j.attempt + 1,
    claimed_at = clock_timestamp(),
    due_at = clock_timestamp() + lease,
    updated_at = clock_timestamp()
  from ours
  where j.id = any(array[ours.id])
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
    ),
    j.doubt_resends,
    j.expires_at - clock_timestamp(),
    coalesce(
      j.category,
      case when j.template_id is not null then
        (select t.category from public.message_templates as t where t.id = j.template_id)
      end
    ),
    j.time_zone,
    j.claimed_at,
    messaging.queue_of(j.priority) = 'sms_priority_queue',
    (
      select known.error_code
      from messaging.dead_numbers as known
      where known.phone = j.recipient_phone and known.until > clock_timestamp()
    );
end
$$;
comment on function messaging.claim(uuid[], interval) is
  'Makes pending messages the caller''s to send, each by one caller only. One that is missing is '
  'somebody else''s, or not pending. Those whose expires_in is negative, or whose number has a '
  'dead_code, must not be sent.';

revoke all on function
  messaging.claim(uuid[], interval),
  messaging.remember_dead(text[], interval),
  messaging.retry_undelivered(text[], interval[], int),
  messaging.awaits_arrivals(),
  messaging.note_arrivals(text[]),
  messaging.forget_number(text),
  messaging.suppress_dead(uuid[])
from public;

-- Whoever may settle may claim, and whoever may record receipts may do what goes with it.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.settle(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.claim to %s', grantee);
  end loop;
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.record_receipts(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.remember_dead, messaging.retry_undelivered, '
      'messaging.awaits_arrivals, messaging.note_arrivals, messaging.forget_number to %s',
      grantee
    );
    execute format('grant select, insert, update, delete on messaging.dead_numbers to %s', grantee);
  end loop;
end
$$;
