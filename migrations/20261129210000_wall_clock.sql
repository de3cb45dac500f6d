-- The hour: what a text is for, times on the clocks of a zone, and quiet hours.

alter table public.message_jobs
  add column category text,
  add column time_zone text,
  add column local_time timestamp,
  add column zone_version text,
  add constraint message_jobs_category check (category in ('transactional', 'marketing')) not valid,
  add constraint message_jobs_local_time check (
    local_time is null or time_zone is not null and local_time between '1970-01-01' and '9998-01-01'
  ) not valid;

comment on column public.message_jobs.category is
  'What it is for: transactional or marketing. Null: its template''s, or transactional.';
comment on column public.message_jobs.time_zone is
  'The recipient''s time zone, by its name in the IANA database; null: the number''s.';
comment on column public.message_jobs.local_time is
  'The time on the clocks of time_zone that scheduled_for is made of; null for a fixed instant.';
comment on column public.message_jobs.zone_version is
  'The release of the time zones with which local_time became scheduled_for; null: Postgres''s.';

-- serves: behind_the_zones
create index message_jobs_zone_version on public.message_jobs (zone_version)
where local_time is not null and status = 'scheduled';

do $$
begin
  if not exists (
    select from pg_attribute
    where attrelid = 'public.message_templates'::regclass and attname = 'category'
  ) then
    alter table public.message_templates
      add column category text not null default 'transactional',
      add constraint message_templates_category check (category in ('transactional', 'marketing'));
    comment on column public.message_templates.category is
      'transactional or marketing, of messages that say nothing else.';
  end if;
end
$$;

-- As RFC 5545 reads it: a time that clocks skip comes as much later as the gap is long; of one that they
-- show twice it is the first. Postgres reads the second: then the offset of the day before fits, too.
create function messaging.instant_of(local_time timestamp, time_zone text) returns timestamptz
language sql
stable
return (
  select
    case
      when sooner < later and sooner at time zone time_zone = local_time then sooner
      else later
    end
  from (
    select
      later,
      (
        local_time
        - (
          (later - interval '1 day') at time zone time_zone
          - (later - interval '1 day') at time zone 'UTC'
        )
      ) at time zone 'UTC' as sooner
    from (select local_time at time zone time_zone as later) as as_postgres_reads_it
  ) as both_ways
);
comment on function messaging.instant_of(timestamp, text) is
  'When clocks in the zone show this time: of two instants the first, and after a gap if they skip it.';

-- Its name comes before message_jobs_admit, which looks at scheduled_for.
-- Security definer, because whoever may insert a message need not know of clocks.
create function messaging.set_by_clock() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.retry_of is not null then
    select coalesce(new.category, j.category), coalesce(new.time_zone, j.time_zone)
    into new.category, new.time_zone
    from public.message_jobs as j
    where j.id = new.retry_of;
  end if;
  if new.local_time is not null and new.scheduled_for is null then
    if new.time_zone is null then
      raise exception 'local_time needs time_zone'
        using
          errcode = 'check_violation',
          hint = 'Set time_zone to a name such as Europe/Berlin, or scheduled_for to an instant.';
    end if;
    new.scheduled_for := messaging.instant_of(new.local_time, new.time_zone);
  end if;
  return new;
end
$$;

create trigger message_jobs_a_clock before insert on public.message_jobs
for each row when (new.local_time is not null or new.retry_of is not null)
execute function messaging.set_by_clock();

-- Whoever moves a text to another instant takes it off its wall clock, and need not know of it.
create function messaging.leave_clock() returns trigger
language plpgsql
as $$
begin
  new.local_time := null;
  new.zone_version := null;
  return new;
end
$$;

create trigger message_jobs_leave_clock before update of scheduled_for on public.message_jobs
for each row when (
  new.scheduled_for is distinct from old.scheduled_for
  and old.local_time is not null
  and new.zone_version is not distinct from old.zone_version
)
execute function messaging.leave_clock();

-- Security definer, because whoever may hand over need not be allowed to change jobs: only new ones, of
-- this very transaction, are written to.
create function messaging.keep_clocks(clocks jsonb) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update public.message_jobs as j
  set
    category = coalesce(c.category, j.category),
    time_zone = coalesce(c.time_zone, j.time_zone),
    local_time = c.local_time,
    zone_version = c.zone_version
  from jsonb_to_recordset(clocks) as c (
    id uuid, category text, time_zone text, local_time timestamp, zone_version text
  )
  where
    j.id = any(array[c.id])
    and j.status in ('pending', 'scheduled')
    and j.created_at = now()
$$;
comment on function messaging.keep_clocks(jsonb) is
  'Writes category, time_zone, local_time and zone_version to messages that were handed over in this '
  'transaction.';

create function messaging.defer(waits jsonb) returns setof uuid
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with deferred as (
    update public.message_jobs as j
    set
      status = 'scheduled',
      due_at = w.until,
      error_details = jsonb_build_object(
        'message', w.reason, 'rule', 'quiet_hours', 'time_zone', w.time_zone
      )
    from jsonb_to_recordset(waits) as w (
      id uuid, until timestamptz, reason text, time_zone text
    )
    where
      j.id = any(array[w.id])
      and j.status in ('pending', 'scheduled')
      and j.handed_over_at is null
      and w.until > coalesce(j.scheduled_for, '-infinity')
    returning j.id, w.until, w.reason, w.time_zone
  )
  insert into messaging.message_events (job_id, kind, details)
  select
    id,
    'deferred',
    jsonb_build_object('reason', reason, 'until', until, 'time_zone', time_zone)
  from deferred
  returning job_id
$$;
comment on function messaging.defer(jsonb) is
  'Lets messages that are not under way wait for the end of quiet hours, with the reason in their '
  'journal; returns those that it found.';

create function messaging.set_times(times jsonb) returns setof uuid
language sql
as $$
  with wanted as (
    select t.id, t.local_time, t.time_zone, t.scheduled_for, t.zone_version
    from jsonb_to_recordset(times) as t (
      id uuid, local_time timestamp, time_zone text, scheduled_for timestamptz, zone_version text
    )
  ),
  found as materialized (
    select j.id, j.scheduled_for as was
    from public.message_jobs as j
    join wanted as w on j.id = any(array[w.id])
    where
      j.status = 'scheduled'
      and j.handed_over_at is null
      and j.local_time = w.local_time
      and j.time_zone = w.time_zone
    order by j.id
    for update of j skip locked
  ),
  changed as (
    update public.message_jobs as j
    set
      zone_version = w.zone_version,
      scheduled_for = coalesce(w.scheduled_for, j.scheduled_for),
      due_at = case when w.scheduled_for <> found.was then w.scheduled_for else j.due_at end
    from found
    join wanted as w on w.id = found.id
    where j.id = any(array[found.id])
    returning j.id, j.scheduled_for, found.was, w.zone_version
  ),
  journal as (
    insert into messaging.message_events (job_id, kind, details)
    select
      id,
      'rescheduled',
      jsonb_build_object(
        'scheduled_for', scheduled_for,
        'reason', 'time zones of release ' || zone_version
      )
    from changed
    where scheduled_for <> was
  )
  select id from changed
$$;
comment on function messaging.set_times(jsonb) is
  'Sets messages that wait for a time on a wall clock to that time as other time zones tell it, or '
  'only notes their release; returns those that it found.';

-- messaging.enqueue_together knows no clocks: here they are read and written.
create function messaging.enqueue_by_clock(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  item jsonb;
begin
  if not jsonb_path_exists(
    drafts, '$[*] ? (exists(@.category) || exists(@.time_zone) || exists(@.local_time))'
  ) then
    return query select * from messaging.enqueue_together(drafts);
    return;
  end if;

  for item in select value from jsonb_array_elements(drafts) as value
  loop
    perform messaging.check_clock(item);
  end loop;
  answers := array(
    select e
    from messaging.enqueue_together(
      (
        select jsonb_agg(
          case
            when jsonb_typeof(given.value) <> 'object' then given.value
            when given.value ->> 'local_time' is null then
              given.value - array['category', 'time_zone', 'local_time']
            else
              given.value - array['category', 'time_zone', 'local_time']
              || jsonb_build_object(
                'scheduled_for',
                messaging.instant_of(
                  (given.value ->> 'local_time')::timestamp, given.value ->> 'time_zone'
                )
              )
          end
          order by given.position
        )
        from jsonb_array_elements(drafts) with ordinality as given (value, position)
      )
    ) as e
  );
  perform messaging.keep_clocks(
    (
      select jsonb_agg((drafts -> (answer.position - 1)) || jsonb_build_object('id', answer.id))
      from unnest(answers) as answer
      where answer.result = 'created'
    )
  );
  return query select * from unnest(answers);
end
$$;
comment on function messaging.enqueue_by_clock(jsonb) is
  'messaging.enqueue for items each of which can be stored: what it calls.';

create function messaging.check_clock(draft jsonb) returns void
language plpgsql
as $$
declare
  problem text;
begin
  problem := case
    when jsonb_typeof(draft) <> 'object' then null
    when draft ->> 'category' not in ('transactional', 'marketing') then
      'category must be transactional or marketing'
    when draft ->> 'local_time' is null then null
    when draft ->> 'time_zone' is null then 'local_time needs time_zone: give both'
    when draft ->> 'scheduled_for' is not null then
      'both scheduled_for and local_time are given: give one of them'
    when draft ->> 'local_time' ~ '(Z|[+-]\d\d(:?\d\d)?)$' and draft ->> 'local_time' ~ ':' then
      'local_time has a zone of its own: give the time alone, or scheduled_for'
  end;
  if problem is not null then
    raise exception '%', problem using errcode = 'check_violation';
  end if;
  -- Raises for a zone that Postgres does not know.
  perform now() at time zone (draft ->> 'time_zone');
end
$$;
comment on function messaging.check_clock(jsonb) is
  'Raises for a draft whose category, time_zone or local_time is none, with what to change.';

-- As it was, but of those that are due at the same instant the older ids come first. Only these are
-- sorted, an instant at a time; never all that is due.
create or replace function messaging.promote(most int default 1000) returns int
language plpgsql
set enable_sort = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  urgent uuid[];
  normal uuid[];
begin
  -- Two walks along the index, a status each: one for both would sort all that is due.
  with scheduled as (
    select id, due_at
    from public.message_jobs
    where
      status = 'scheduled'
      and due_at <= statement_timestamp()
      and handed_over_at is null
    order by due_at, id
    limit most
    for update skip locked
  ),
  retrying as (
    select id, due_at
    from public.message_jobs
    where
      status = 'retrying'
      and due_at <= statement_timestamp()
      and handed_over_at is null
    order by due_at, id
    limit most - (select count(*) from scheduled)
    for update skip locked
  ),
  due as (
    select id, due_at from scheduled
    union all
    select id, due_at from retrying
  ),
  promoted as (
    update public.message_jobs as j
    set status = 'pending', due_at = clock_timestamp()
    from due
    where j.id = due.id
    returning j.id, due.due_at, messaging.queue_of(j.priority) as queue
  )
  select
    array_agg(id order by due_at, id) filter (where queue = 'sms_priority_queue'),
    array_agg(id order by due_at, id) filter (where queue = 'sms_queue')
  into urgent, normal
  from promoted;

  perform messaging.add_entries('sms_priority_queue', urgent);
  perform messaging.add_entries('sms_queue', normal);
  return coalesce(cardinality(urgent), 0) + coalesce(cardinality(normal), 0);
end
$$;

-- As it was, with clocks.
create or replace function messaging.enqueue(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  place int;
  item messaging.enqueued;
  answers messaging.enqueued[];
  detail text;
begin
  if jsonb_typeof(drafts) = 'object' then
    drafts := jsonb_build_array(drafts);
  end if;
  if jsonb_typeof(drafts) is distinct from 'array' then
    raise exception 'messaging.enqueue takes a JSON array of messages'
      using errcode = 'invalid_parameter_value',
      hint = '[{"recipient_phone": "+15555550100", "message_content": "Hello"}]';
  end if;

  begin
    return query select * from messaging.enqueue_by_clock(drafts);
    return;
  exception
    when data_exception or integrity_constraint_violation then
      null; -- one of them cannot be stored: find out which, one by one
  end;

  for place in
    select given.position
    from jsonb_array_elements(drafts) with ordinality as given (item, position)
    order by
      given.item ->> 'idempotency_key',
      case when given.item ->> 'dedupe_window' is not null then
        messaging.digits(given.item ->> 'recipient_phone')
      end,
      case when given.item ->> 'dedupe_window' is not null then
        given.item ->> 'message_content'
      end,
      given.item ->> 'id',
      given.position
  loop
    begin
      select * into item
      from messaging.enqueue_by_clock(jsonb_build_array(drafts -> (place - 1)));
    exception
      when data_exception or integrity_constraint_violation then
        get stacked diagnostics detail = pg_exception_detail;
        item := row(
          place, null, 'refused', concat_ws(': ', sqlerrm, nullif(detail, ''))
        )::messaging.enqueued;
    end;
    item.position := place;
    answers[place] := item;
  end loop;
  return query select * from unnest(answers);
end
$$;

-- As it was, with one more way back: a text that a rule withheld was not sent, and waits. As with the
-- ordinary steps, whoever writes updated_at as well knows the rules.
create or replace function messaging.refuse_illegal_change() returns trigger
language plpgsql
as $$
begin
  if not messaging.can_become(old.status, new.status) then
    raise exception 'message % is % and cannot become %', old.id, old.status, new.status
      using
        errcode = 'check_violation',
        hint = 'To send it again, enqueue a new message with retry_of = this id.';
  end if;
  if new.status = 'sent' and new.twilio_sid is null then
    raise exception 'message % cannot become sent without a twilio_sid', old.id
      using
        errcode = 'check_violation',
        hint = 'Only Twilio''s acceptance makes a message sent.';
  end if;
  if old.status = 'in_doubt' and new.status = 'pending' and new.doubt_resends <= old.doubt_resends
  then
    raise exception 'message % is in doubt: Twilio may have sent it', old.id
      using
        errcode = 'check_violation',
        hint = 'Leave it: Twilio is asked, and it is sent again once that is proved safe.';
  end if;
  -- The journal has the act before the change: messaging.resolve writes it.
  if old.status = 'held' and new.status in ('pending', 'scheduled') and not exists (
    select from messaging.message_events as act
    where
      act.job_id = old.id
      and act.kind = 'resolved'
      and act.attempt = old.attempt
      and act.details ->> 'decision' = 'resend'
  ) then
    raise exception 'message % is held: Twilio may have sent it', old.id
      using
        errcode = 'check_violation',
        hint = 'Decide with messaging.resolve(id, ''resend''), which writes it into the journal.';
  end if;
  if old.status in ('processing', 'in_doubt', 'held') and new.status = 'scheduled'
    and (new.scheduled_for > clock_timestamp()) is not true
    and not (
      old.status = 'processing'
      and coalesce(new.error_details ? 'rule', false)
      and new.updated_at is distinct from old.updated_at
    )
  then
    raise exception 'message % may have been sent and cannot wait for its time again', old.id
      using errcode = 'check_violation', hint = 'Only a text for later goes back to scheduled.';
  end if;
  -- Whoever changes a status by hand need not know that due_at brings somebody to look at it.
  if new.due_at is null and new.status in (
    'scheduled', 'pending', 'processing', 'retrying', 'in_doubt'
  ) then
    new.due_at := case new.status
      when 'scheduled' then coalesce(new.scheduled_for, clock_timestamp())
      else clock_timestamp()
    end;
  end if;
  new.updated_at := clock_timestamp();
  return new;
end
$$;

revoke all on function
  messaging.instant_of(timestamp, text),
  messaging.set_by_clock(),
  messaging.leave_clock(),
  messaging.keep_clocks(jsonb),
  messaging.defer(jsonb),
  messaging.set_times(jsonb),
  messaging.enqueue_by_clock(jsonb),
  messaging.check_clock(jsonb)
from public;

-- Whoever may settle may set times, and whoever may hand over may say when.
do $$
declare
  given record;
begin
  for given in
    select distinct allowed.grantee::regrole as grantee, p.proname as for_this
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where
      p.oid in ('messaging.settle(jsonb)'::regprocedure, 'messaging.enqueue(jsonb)'::regprocedure)
      and allowed.grantee <> 0
  loop
    if given.for_this = 'settle' then
      execute format('grant execute on function messaging.set_times to %s', given.grantee);
    else
      execute format(
        'grant execute on function messaging.instant_of, messaging.keep_clocks, messaging.defer, '
        'messaging.enqueue_by_clock, messaging.check_clock to %s',
        given.grantee
      );
    end if;
  end loop;
end
$$;
