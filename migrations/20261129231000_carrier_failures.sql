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

create function messaging.remember_dead(sids text[], lasting interval) returns int
language plpgsql
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

-- Twilio may report a text as delivered after it has reported it as undelivered.
create function messaging.note_arrivals(sids text[]) returns int
language plpgsql
as $$
declare
  canceled int;
begin
  if exists (select from messaging.dead_numbers) then
    delete from messaging.dead_numbers as known
    using unnest(sids) as told (sid), public.message_jobs as j
    where j.twilio_sid = any(array[told.sid]) and known.phone = j.recipient_phone;
  end if;

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

-- Security definer, because callers who may insert a message need not know of these numbers. Before
-- message_jobs_queue, by its name; an entry of a suppressed message goes when the bridge comes to it.
create function messaging.suppress_new_jobs() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from messaging.dead_numbers) then
    return null;
  end if;
  with spared as (
    update public.message_jobs as j
    set
      status = 'suppressed',
      due_at = null,
      error_details = jsonb_build_object(
        'message', format('The number takes no texts: a carrier reported %s.', known.error_code),
        'rule', 'dead_number'
      )
    from added
    join messaging.dead_numbers as known on known.phone = added.recipient_phone
    where
      j.id = added.id
      and j.status in ('pending', 'scheduled')
      and known.until > greatest(clock_timestamp(), j.scheduled_for)
    returning j.id, known.error_code
  )
  insert into messaging.message_events (job_id, kind, details)
  select
    id,
    'suppressed',
    jsonb_build_object('status', 'suppressed', 'rule', 'dead_number', 'code', error_code)
  from spared;
  return null;
end
$$;

create trigger message_jobs_dead_numbers after insert on public.message_jobs
referencing new table as added
for each statement execute function messaging.suppress_new_jobs();

revoke all on function
  messaging.remember_dead(text[], interval),
  messaging.retry_undelivered(text[], interval[], int),
  messaging.note_arrivals(text[]),
  messaging.forget_number(text),
  messaging.suppress_new_jobs()
from public;

-- Whoever may record receipts may do what goes with it.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.record_receipts(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.remember_dead, messaging.retry_undelivered, '
      'messaging.note_arrivals, messaging.forget_number to %s',
      grantee
    );
    execute format('grant select, insert, update, delete on messaging.dead_numbers to %s', grantee);
  end loop;
end
$$;
