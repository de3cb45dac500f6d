-- Guards: sending that a person stopped, destinations that are not texted, and caps on what goes out.
-- All are asked in the transaction of the claim: what is not claimed cannot be sent.

create table messaging.dialing_codes (
  prefix text primary key,
  region text not null
);
comment on table messaging.dialing_codes is
  'Which country a number belongs to: the longest prefix that it begins with says it.';
comment on column messaging.dialing_codes.prefix is 'The first digits, without +.';
comment on column messaging.dialing_codes.region is 'The country, as ISO 3166 writes it: US.';

create table messaging.prices (
  region text primary key,
  segment_usd numeric(10, 4) not null check (segment_usd >= 0),
  media_usd numeric(10, 4) not null check (media_usd >= 0),
  source text not null,
  as_of date not null
);
comment on table messaging.prices is
  'What a text costs by country, for the caps on money. Put your own prices here.';
comment on column messaging.prices.region is 'The country; * for those that have no row.';
comment on column messaging.prices.segment_usd is 'US dollars for each segment of a text.';
comment on column messaging.prices.media_usd is 'US dollars for a message with media.';
comment on column messaging.prices.source is 'Who says so.';
comment on column messaging.prices.as_of is 'Of which day the price is.';

-- Not a function in SQL: those are planned with each call.
create function messaging.region_of(phone text) returns text
language plpgsql
stable
as $$
begin
  return (
    select region
    from messaging.dialing_codes
    where prefix = any(array[
      substr(phone, 2, 1), substr(phone, 2, 2), substr(phone, 2, 3), substr(phone, 2, 4),
      substr(phone, 2, 5), substr(phone, 2, 6), substr(phone, 2, 7)
    ])
    order by length(prefix) desc
    limit 1
  );
end
$$;
comment on function messaging.region_of(text) is
  'The country of a number in E.164, as ISO 3166 writes it; null where there is none.';

-- The kill switch.

comment on column public.message_jobs.metadata is
  'The caller''s own; of it the service reads campaign only, which can be stopped.';

create table messaging.stops (
  id bigint generated always as identity primary key,
  scope text not null,
  value text not null default '',
  reason text not null,
  stopped_by text,
  stopped_at timestamptz not null default clock_timestamp(),
  resumed_by text,
  resumed_at timestamptz,
  constraint stops_scope check (scope in ('all', 'lane', 'country', 'campaign')),
  constraint stops_reason check (btrim(reason) <> '')
);
comment on table messaging.stops is
  'What was stopped, by whom and why, and who resumed it. Nothing is deleted: this is the journal.';
comment on column messaging.stops.id is 'The order of stops.';
comment on column messaging.stops.scope is 'all, lane, country or campaign.';
comment on column messaging.stops.value is
  'Which lane (urgent, normal), which country (US, or +44 for all numbers that begin so), which '
  'campaign (metadata.campaign); empty for all.';
comment on column messaging.stops.reason is 'Why, in the words of whoever stopped it.';
comment on column messaging.stops.stopped_by is 'Who stopped it.';
comment on column messaging.stops.stopped_at is 'When.';
comment on column messaging.stops.resumed_by is 'Who resumed it.';
comment on column messaging.stops.resumed_at is 'When; null while it is stopped.';

-- serves: stop_as, resume_as, admit, park, is_halted; a thing is stopped once
create unique index stops_active on messaging.stops (scope, value) where resumed_at is null;

create table messaging.stopped_jobs (
  job_id uuid primary key,
  stop_id bigint not null references messaging.stops (id)
);
comment on table messaging.stopped_jobs is
  'Messages that wait until sending is resumed to their country, or for their campaign.';
comment on column messaging.stopped_jobs.job_id is 'The message; it is scheduled, for never.';
comment on column messaging.stopped_jobs.stop_id is 'What it waits for.';

-- serves: unpark, active_stops
create index stopped_jobs_stop on messaging.stopped_jobs (stop_id);

create function messaging.never() returns timestamptz
language sql
immutable
parallel safe
return timestamptz '9000-01-01 00:00:00+00';
comment on function messaging.never() is
  'When a message is due that waits for something without a time. Clients can read it, as they '
  'cannot read infinity.';

create function messaging.stop_as(by_whom text, scope text, value text, reason text) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  which text := coalesce(btrim(stop_as.value), '');
  is_there boolean;
begin
  if coalesce(stop_as.scope, '') not in ('all', 'lane', 'country', 'campaign') then
    raise exception 'there is nothing like % to stop', coalesce(quote_literal(stop_as.scope), 'null')
      using errcode = 'invalid_parameter_value', hint = 'Stop: all, lane, country or campaign.';
  end if;
  if coalesce(btrim(stop_as.reason), '') = '' then
    raise exception 'a stop needs a reason'
      using errcode = 'invalid_parameter_value', hint = 'Say why, for those who find it stopped.';
  end if;
  which := case when stop_as.scope = 'country' then upper(which) else which end;
  is_there := case stop_as.scope
    when 'all' then which = ''
    when 'lane' then which in ('urgent', 'normal')
    when 'country' then
      which ~ '^\+[1-9][0-9]{0,14}$'
      or exists (select from messaging.dialing_codes where region = which)
    else which <> ''
  end;
  if not is_there then
    raise exception '% is no % that could be stopped', quote_literal(which), stop_as.scope
      using
        errcode = 'invalid_parameter_value',
        hint = 'A lane is urgent or normal, a country is US or +44, a campaign is what '
          'metadata.campaign says; all has no value.';
  end if;

  insert into messaging.stops (scope, value, reason, stopped_by)
  values (
    stop_as.scope, which, btrim(stop_as.reason),
    left(coalesce(nullif(btrim(by_whom), ''), session_user), 100)
  )
  on conflict (scope, value) where resumed_at is null do nothing;
  return case when found then 'stopped' else 'stopped_already' end;
end
$$;
comment on function messaging.stop_as(text, text, text, text) is
  'messaging.stop, and the name of the person who stops, for the journal.';

create function messaging.stop(scope text, value text, reason text) returns text
language sql
volatile
return messaging.stop_as(current_user::text, scope, value, reason);
comment on function messaging.stop(text, text, text) is
  'Stops sending: all (no value), a lane (urgent, normal), a country (US, or +44 for all numbers that '
  'begin so) or a campaign (metadata.campaign), and why. A second after the commit no request starts '
  'any more. Answers: stopped, stopped_already.';

-- Entries that were handed out before the stop are handed out anew at once.
create function messaging.resume_as(by_whom text, scope text, value text) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  queue text;
begin
  update messaging.stops
  set
    resumed_at = clock_timestamp(),
    resumed_by = left(coalesce(nullif(btrim(by_whom), ''), session_user), 100)
  where
    resumed_at is null
    and scope = resume_as.scope
    and value = case
      when resume_as.scope = 'country' then upper(btrim(resume_as.value))
      else coalesce(btrim(resume_as.value), '')
    end;
  if not found then
    return 'not_stopped';
  end if;
  if resume_as.scope in ('all', 'lane') then
    foreach queue in array array['sms_priority_queue', 'sms_queue'] loop
      if not messaging.is_halted(queue, null) then
        perform messaging.release_entries(queue);
        perform pg_notify('messaging_entries', queue);
      end if;
    end loop;
  end if;
  return 'resumed';
end
$$;
comment on function messaging.resume_as(text, text, text) is
  'messaging.resume, and the name of the person who resumes, for the journal.';

create function messaging.resume(scope text, value text default '') returns text
language sql
volatile
return messaging.resume_as(current_user::text, scope, value);
comment on function messaging.resume(text, text) is
  'Ends a stop of messaging.stop. What waited for it goes out. Answers: resumed, not_stopped.';

create view messaging.active_stops with (security_invoker) as
select
  id, scope, value, reason, stopped_by, stopped_at,
  (select count(*) from messaging.stopped_jobs where stop_id = stops.id) as set_aside
from messaging.stops
where resumed_at is null;
comment on view messaging.active_stops is
  'What is stopped now. set_aside are the messages that wait outside of the queues for it.';

-- The one stop of a country or campaign that a message waits for, if any.
create function messaging.stop_of(phone text, metadata jsonb) returns bigint
language plpgsql
stable
as $$
begin
  return (
    select s.id
    from messaging.stops as s
    where
      s.resumed_at is null
      and case s.scope
        when 'campaign' then s.value = metadata ->> 'campaign'
        when 'country' then
          case when starts_with(s.value, '+') then starts_with(phone, s.value)
          else s.value = messaging.region_of(phone) end
        else false
      end
    order by s.id
    limit 1
  );
end
$$;
comment on function messaging.stop_of(text, jsonb) is
  'The stop of a country or a campaign that a message to this number waits for; null for none.';

create function messaging.may_start(priority int, phone text, metadata jsonb) returns boolean
language plpgsql
stable
as $$
begin
  return
    not exists (
      select from messaging.stops as s
      where
        s.resumed_at is null
        and (
          s.scope = 'all'
          or s.scope = 'lane' and s.value = case when priority > 5 then 'urgent' else 'normal' end
        )
    )
    and messaging.stop_of(phone, metadata) is null;
end
$$;
comment on function messaging.may_start(int, text, jsonb) is
  'Whether nothing is stopped that a message with this priority, number and metadata belongs to.';

-- Messages whose country or campaign is stopped leave their queue and wait, so that nobody reads them
-- again and again, and others do not wait behind them.
create function messaging.park(ids uuid[]) returns setof uuid
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  if not exists (
    select from messaging.stops
    where resumed_at is null and scope in ('country', 'campaign')
  ) then
    return;
  end if;
  return query
  with waiting as materialized (
    select id, recipient_phone, metadata
    from public.message_jobs
    where
      id = any(ids)
      and status || '' = 'pending'
      and prepared_at is not null
    order by id
    for update skip locked
  ),
  covered as materialized (
    select waiting.id, stops.id as stop_id, stops.scope, stops.value, stops.reason
    from waiting
    join messaging.stops
      on stops.id = messaging.stop_of(waiting.recipient_phone, waiting.metadata)
  ),
  parked as (
    update public.message_jobs as j
    set
      status = 'scheduled',
      due_at = messaging.never(),
      error_details = jsonb_build_object(
        'rule', 'stop',
        'message', format(
          'Sending is stopped for %s %s: %s', covered.scope, covered.value, covered.reason
        )
      )
    from covered
    where j.id = any(array[covered.id])
    returning j.id, covered.stop_id, covered.scope, covered.value, covered.reason
  ),
  noted as (
    insert into messaging.stopped_jobs (job_id, stop_id)
    select id, stop_id from parked
    on conflict (job_id) do update set stop_id = excluded.stop_id
  ),
  told as (
    insert into messaging.message_events (job_id, kind, details)
    select
      id, 'stopped', jsonb_build_object('scope', scope, 'value', value, 'reason', reason)
    from parked
  )
  select id from parked;
end
$$;
comment on function messaging.park(uuid[]) is
  'Sets those of these messages aside whose country or campaign is stopped; returns them.';

create function messaging.unpark(most int) returns int
language plpgsql
as $$
declare
  back int := 0;
begin
  if not exists (select from messaging.stopped_jobs) then
    return 0;
  end if;
  with free as materialized (
    select p.job_id
    from messaging.stops as s
    join messaging.stopped_jobs as p on p.stop_id = s.id
    where s.resumed_at is not null
    limit most
    for update of p skip locked
  ),
  gone as (
    delete from messaging.stopped_jobs as p
    using free
    where p.job_id = free.job_id
    returning p.job_id
  ),
  due as (
    update public.message_jobs as j
    -- Not later than the statement that makes them due and promotes what is due.
    set due_at = statement_timestamp(), error_details = null
    from gone
    where
      j.id = any(array[gone.job_id])
      and j.status = 'scheduled'
      -- One that was given another time waits for that.
      and j.due_at = messaging.never()
    returning j.id
  ),
  told as (
    insert into messaging.message_events (job_id, kind) select id, 'resumed' from due
  )
  select count(*) into back from due;
  return back;
end
$$;
comment on function messaging.unpark(int) is
  'Makes messages due that waited for a stop which is over; returns how many. Safe to run anywhere, '
  'any number of times at once.';

-- Destinations.

create table messaging.destinations (
  rule text not null,
  what text not null,
  reason text not null default '',
  added_by text not null default current_user,
  added_at timestamptz not null default clock_timestamp(),
  primary key (rule, what),
  constraint destinations_rule check (
    rule = 'allow' and what ~ '^([A-Z]{2}|\*)$' or rule = 'block' and what ~ '^\+[1-9][0-9]{0,14}$'
  )
);
comment on table messaging.destinations is
  'Where texts may go, beside what the settings say: countries that are allowed, and numbers that are '
  'blocked.';
comment on column messaging.destinations.rule is 'allow or block.';
comment on column messaging.destinations.what is
  'allow: a country (US), or * for all. block: what numbers begin with (+8816).';
comment on column messaging.destinations.reason is 'Why, for those who are refused.';
comment on column messaging.destinations.added_by is 'Who added it.';
comment on column messaging.destinations.added_at is 'When.';

-- An installation that sends already goes on sending to where it sends.
insert into messaging.destinations (rule, what, reason)
select 'allow', '*', 'Texts were handed over before there was a list of countries.'
where exists (select from public.message_jobs);

-- Both are security definer, because whoever may hand over need not see the table.
create function messaging.known_destinations() returns table (rule text, what text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select rule, what from messaging.destinations;
end;
comment on function messaging.known_destinations() is 'The rules of the table of destinations.';

create function messaging.why_not_there(phone text) returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  region text;
begin
  -- One look is all that it costs where nothing is forbidden.
  if not exists (select from messaging.destinations as d where d.what <> '*')
    or phone !~ '^\+[0-9]+$'
  then
    return null;
  end if;
  if exists (
    select from messaging.destinations as d where d.rule = 'block' and starts_with(phone, d.what)
  ) then
    return 'recipient_phone begins with digits that are blocked: messaging.destinations says why';
  end if;
  if
    not exists (select from messaging.destinations as d where d.rule = 'allow')
    or exists (select from messaging.destinations as d where d.rule = 'allow' and d.what = '*')
  then
    return null;
  end if;
  region := messaging.region_of(phone);
  if exists (select from messaging.destinations as d where d.rule = 'allow' and d.what = region) then
    return null;
  end if;
  return format(
    'recipient_phone is a number of %s, where no texts may go: '
    'add that country to messaging.destinations',
    coalesce(region, 'no country')
  );
end
$$;
comment on function messaging.why_not_there(text) is
  'Why no text may go to this number (in E.164) by the table of destinations; null where it may.';

-- Caps.

create type messaging.caps as (
  recipient_hour bigint,
  recipient_day bigint,
  messages_hour bigint,
  messages_day bigint,
  segments_hour bigint,
  segments_day bigint,
  usd_hour numeric,
  usd_day numeric
);
comment on type messaging.caps is
  'The most that goes out: to one number in any hour or day, and of the whole installation in an hour '
  'or a day of the clock (UTC). Null is no cap.';

create table messaging.cap_counts (
  span text not null,
  began timestamptz not null,
  messages bigint not null default 0,
  segments bigint not null default 0,
  usd numeric(14, 4) not null default 0,
  wanted_segments bigint not null default 1,
  wanted_usd numeric(14, 4) not null default 0,
  primary key (span, began),
  constraint cap_counts_span check (span in ('day', 'hour'))
) with (fillfactor = 50);
comment on table messaging.cap_counts is
  'What was claimed in each hour and day (UTC) in which there were caps.';
comment on column messaging.cap_counts.span is 'hour or day.';
comment on column messaging.cap_counts.began is 'When it began.';
comment on column messaging.cap_counts.messages is 'Messages that went out, or may have.';
comment on column messaging.cap_counts.segments is 'Their segments.';
comment on column messaging.cap_counts.usd is 'What they cost, by messaging.prices.';
comment on column messaging.cap_counts.wanted_segments is
  'Segments of the next message that waits: there must be room for them.';
comment on column messaging.cap_counts.wanted_usd is 'What that message costs.';

create table messaging.cap_uses (
  job_id uuid not null,
  attempt int not null,
  recipient text not null,
  at timestamptz not null,
  segments int not null,
  usd numeric(14, 4) not null,
  primary key (job_id, attempt)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
comment on table messaging.cap_uses is
  'What counts against the caps: each attempt that went out or may have. Kept for a day and an hour.';
comment on column messaging.cap_uses.job_id is 'The message.';
comment on column messaging.cap_uses.attempt is 'The attempt.';
comment on column messaging.cap_uses.recipient is 'The number, in E.164.';
comment on column messaging.cap_uses.at is 'When it was counted: right before its claim.';
comment on column messaging.cap_uses.segments is 'Its segments.';
comment on column messaging.cap_uses.usd is 'What it costs.';

-- serves: free_at
create index cap_uses_recipient on messaging.cap_uses (recipient, at);

-- serves: forget_uses
create index cap_uses_at on messaging.cap_uses (at);

create function messaging.window_of(span text, moment timestamptz) returns timestamptz
language sql
stable
return date_trunc(span, moment, 'UTC');
comment on function messaging.window_of(text, timestamptz) is
  'When the hour or day of the clock (UTC) began that this moment is in.';

create function messaging.is_full(caps jsonb) returns boolean
language plpgsql
as $$
declare
  most messaging.caps := jsonb_populate_record(null::messaging.caps, caps);
begin
  return exists (
    select
    from messaging.cap_counts as c
    cross join lateral (
      select
        case c.span when 'hour' then most.messages_hour else most.messages_day end as messages,
        case c.span when 'hour' then most.segments_hour else most.segments_day end as segments,
        case c.span when 'hour' then most.usd_hour else most.usd_day end as usd
    ) as cap
    where
      c.span = any(array['day', 'hour'])
      and c.began = any(array[
        messaging.window_of('day', clock_timestamp()), messaging.window_of('hour', clock_timestamp())
      ])
      and c.began = messaging.window_of(c.span, clock_timestamp())
      and (
        c.messages >= cap.messages
        or c.segments + c.wanted_segments > cap.segments
        or c.usd + c.wanted_usd > cap.usd
      )
  );
end
$$;
comment on function messaging.is_full(jsonb) is
  'Whether the caps of the installation leave no room for the next message now.';

create function messaging.is_halted(queue text, caps jsonb) returns boolean
language plpgsql
as $$
begin
  return
    exists (
      select from messaging.stops as s
      where
        s.resumed_at is null
        and (
          s.scope = 'all'
          or s.scope = 'lane'
          and s.value = case is_halted.queue when 'sms_priority_queue' then 'urgent' else 'normal' end
        )
    )
    or (is_halted.caps is not null and messaging.is_full(is_halted.caps));
end
$$;
comment on function messaging.is_halted(text, jsonb) is
  'Whether nothing of this queue may start now: it is stopped, or a cap leaves no room.';

create function messaging.lease(queue text, seconds int, most int, caps jsonb)
returns table (msg_id bigint, written text)
language plpgsql
as $$
begin
  if not messaging.is_halted(lease.queue, lease.caps) then
    return query
    select entry.msg_id, entry.message::text
    from pgmq.read(lease.queue, lease.seconds, lease.most) as entry;
  end if;
end
$$;
comment on function messaging.lease(text, int, int, jsonb) is
  'Takes queue entries for a while, oldest first; none where the queue is halted.';

create function messaging.admit(ids uuid[], caps jsonb) returns uuid[]
language plpgsql
as $$
begin
  if exists (select from messaging.stops where resumed_at is null) then
    ids := messaging.not_stopped(ids);
  end if;
  return case when caps is null then ids else messaging.within_caps(ids, caps) end;
end
$$;
comment on function messaging.admit(uuid[], jsonb) is
  'Those of these messages that may be claimed now, to be claimed in the same transaction: they '
  'count against the caps from then on.';

create function messaging.not_stopped(ids uuid[]) returns uuid[]
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  if exists (select from messaging.stops where resumed_at is null and scope = 'all') then
    return '{}';
  end if;
  perform messaging.park(ids);
  return array(
    select j.id
    from public.message_jobs as j
    where
      j.id = any(ids)
      and j.status || '' = 'pending'
      and messaging.may_start(j.priority, j.recipient_phone, j.metadata)
  );
end
$$;
comment on function messaging.not_stopped(uuid[]) is
  'Those of these messages that belong to nothing that is stopped; of the others, some are parked.';

-- When the cap of a number has room for the next text but so many; null: now.
create function messaging.free_at(
  phone text, turn bigint, most bigint, span interval, moment timestamptz
) returns timestamptz
language plpgsql
stable
as $$
declare
  over bigint;
begin
  if most is null then
    return null;
  end if;
  over := turn - most + (
    select count(*) from messaging.cap_uses as u
    where u.recipient = phone and u.at > moment - span
  );
  if over <= 0 then
    return null;
  end if;
  return span + coalesce(
    (
      select u.at from messaging.cap_uses as u
      where u.recipient = phone and u.at > moment - span
      order by u.at
      offset over - 1
      limit 1
    ),
    moment
  );
end
$$;
comment on function messaging.free_at(text, bigint, bigint, interval, timestamptz) is
  'When a number may have the next text but so many, by its cap within a span; null is now.';

-- One claim counts at a time, from the locks on the two counts to its commit. Who waits for them holds
-- no message; so nobody ever waits in a circle.
create function messaging.within_caps(ids uuid[], caps jsonb) returns uuid[]
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  most messaging.caps := jsonb_populate_record(null::messaging.caps, within_caps.caps);
  in_day messaging.cap_counts;
  in_hour messaging.cap_counts;
  moment timestamptz;
  fit uuid[];
begin
  loop
    moment := clock_timestamp();
    insert into messaging.cap_counts (span, began)
    select span, messaging.window_of(span, moment)
    from unnest(array['day', 'hour']) as span
    order by span
    on conflict do nothing;
    select * into in_day from messaging.cap_counts
    where span = 'day' and began = messaging.window_of('day', moment)
    for update;
    select * into in_hour from messaging.cap_counts
    where span = 'hour' and began = messaging.window_of('hour', moment)
    for update;
    -- An hour may have ended while others counted.
    moment := clock_timestamp();
    exit when in_hour.began = messaging.window_of('hour', moment);
  end loop;

  with ours as materialized (
    select
      id, attempt, recipient_phone, greatest(segments, 1) as segments,
      cardinality(media_urls) > 0 as has_media
    from public.message_jobs
    where
      id = any(ids)
      and status || '' = 'pending'
      and prepared_at is not null
    order by id
    for update skip locked
  ),
  priced as materialized (
    select
      ours.*,
      case when ours.has_media then price.media_usd else ours.segments * price.segment_usd end
        as usd,
      row_number() over (partition by ours.recipient_phone order by ours.id) as turn
    from ours
    cross join lateral (
      select p.segment_usd, p.media_usd
      from messaging.prices as p
      where p.region = any(array[messaging.region_of(ours.recipient_phone), '*'])
      order by p.region = '*'
      limit 1
    ) as price
  ),
  -- No hour and no day will ever have room for these.
  hopeless as materialized (
    select id
    from priced
    where
      segments > least(most.segments_hour, most.segments_day)
      or usd > least(most.usd_hour, most.usd_day)
  ),
  judged as materialized (
    select
      priced.*,
      greatest(
        messaging.free_at(recipient_phone, turn, most.recipient_hour, interval '1 hour', moment),
        messaging.free_at(recipient_phone, turn, most.recipient_day, interval '1 day', moment)
      ) as free_at
    from priced
    where id not in (select hopeless.id from hopeless)
  ),
  summed as materialized (
    select
      judged.*,
      count(*) over so_far as messages_so_far,
      sum(segments) over so_far as segments_so_far,
      sum(usd) over so_far as usd_so_far
    from judged
    where free_at is null
    window so_far as (order by id)
  ),
  fitting as materialized (
    select *
    from summed
    where
      coalesce(in_hour.messages + messages_so_far <= most.messages_hour, true)
      and coalesce(in_day.messages + messages_so_far <= most.messages_day, true)
      and coalesce(in_hour.segments + segments_so_far <= most.segments_hour, true)
      and coalesce(in_day.segments + segments_so_far <= most.segments_day, true)
      and coalesce(in_hour.usd + usd_so_far <= most.usd_hour, true)
      and coalesce(in_day.usd + usd_so_far <= most.usd_day, true)
  ),
  used as (
    insert into messaging.cap_uses (job_id, attempt, recipient, at, segments, usd)
    select id, attempt + 1, recipient_phone, moment, segments, usd from fitting
    on conflict (job_id, attempt) do nothing
  ),
  counted as (
    update messaging.cap_counts as c
    set
      messages = c.messages + total.messages,
      segments = c.segments + total.segments,
      usd = c.usd + total.usd,
      wanted_segments = coalesce(following.segments, 1),
      wanted_usd = coalesce(following.usd, 0)
    from (
      select
        count(*) as messages, coalesce(sum(segments), 0) as segments, coalesce(sum(usd), 0) as usd
      from fitting
    ) as total
    left join lateral (
      select segments, usd
      from summed
      where id not in (select fitting.id from fitting)
      order by id
      limit 1
    ) as following on true
    where
      c.span = 'day' and c.began = in_day.began
      or c.span = 'hour' and c.began = in_hour.began
  ),
  deferred as (
    update public.message_jobs as j
    set
      status = 'scheduled',
      due_at = judged.free_at,
      error_details = jsonb_build_object(
        'rule', 'recipient_cap',
        'message', 'This number has had as many texts as it may have in an hour or a day.'
      )
    from judged
    where j.id = any(array[judged.id]) and judged.free_at is not null
    returning j.id, judged.free_at
  ),
  suppressed as (
    update public.message_jobs as j
    set
      status = 'suppressed',
      due_at = null,
      error_details = jsonb_build_object(
        'rule', 'cap',
        'message', 'It alone is more than the caps allow for a whole hour or day.'
      )
    from hopeless
    where j.id = any(array[hopeless.id])
    returning j.id
  ),
  told as (
    insert into messaging.message_events (job_id, kind, details)
    select id, 'deferred', jsonb_build_object(
      'rule', 'recipient_cap',
      'until', free_at,
      'reason', 'this number has had as many texts as it may have in an hour or a day'
    )
    from deferred
    union all
    select id, 'suppressed', jsonb_build_object(
      'rule', 'cap', 'reason', 'it alone is more than the caps allow for a whole hour or day'
    )
    from suppressed
  )
  select array(select id from fitting) into fit;
  return fit;
end
$$;
comment on function messaging.within_caps(uuid[], jsonb) is
  'Those of these messages that the caps have room for, counted; what is over the cap of a number '
  'waits until that lets it pass, and what is over a cap of the installation stays where it is.';

create function messaging.give_back(outcomes jsonb) returns int
language plpgsql
as $$
#variable_conflict use_column
declare
  gone messaging.cap_uses[];
begin
  with unsent as (
    select job_id, attempt
    from jsonb_populate_recordset(null::messaging.outcome, outcomes)
    where
      details ->> 'answer' in (
        'rejected', 'not sent', 'handover refused', 'not handed over', 'withheld'
      )
      or kind = 'reconciled' and details ->> 'reason' = 'not at Twilio'
  ),
  dropped as (
    delete from messaging.cap_uses as u
    using unsent
    where u.job_id = unsent.job_id and u.attempt = unsent.attempt
    returning u
  )
  select array_agg(u) into gone from dropped;
  if gone is null then
    return 0;
  end if;

  -- In the order in which claims lock them.
  perform from messaging.cap_counts
  where (span, began) in (
    select span, messaging.window_of(span, one.at)
    from unnest(gone) as one
    cross join unnest(array['day', 'hour']) as span
  )
  order by span, began
  for update;

  update messaging.cap_counts as c
  set
    messages = c.messages - given.messages,
    segments = c.segments - given.segments,
    usd = c.usd - given.usd
  from (
    select
      span,
      messaging.window_of(span, one.at) as began,
      count(*) as messages,
      sum(one.segments) as segments,
      sum(one.usd) as usd
    from unnest(gone) as one
    cross join unnest(array['day', 'hour']) as span
    group by 1, 2
  ) as given
  where c.span = given.span and c.began = given.began;
  return cardinality(gone);
end
$$;
comment on function messaging.give_back(jsonb) is
  'Takes from the counts what did not go out, for certain, by these outcomes; returns how many.';

create function messaging.forget_uses(most int) returns int
language plpgsql
as $$
declare
  forgotten int;
begin
  delete from messaging.cap_uses
  where ctid = any(array(
    select u.ctid from messaging.cap_uses as u
    where u.at < clock_timestamp() - interval '25 hours'
    limit most
  ));
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;
comment on function messaging.forget_uses(int) is
  'Forgets uses that no cap looks at any more, at most so many; returns how many.';

alter table messaging.dialing_codes enable row level security;
alter table messaging.prices enable row level security;
alter table messaging.stops enable row level security;
alter table messaging.stopped_jobs enable row level security;
alter table messaging.destinations enable row level security;
alter table messaging.cap_counts enable row level security;
alter table messaging.cap_uses enable row level security;

revoke all on function
  messaging.region_of(text),
  messaging.never(),
  messaging.stop_as(text, text, text, text),
  messaging.stop(text, text, text),
  messaging.resume_as(text, text, text),
  messaging.resume(text, text),
  messaging.stop_of(text, jsonb),
  messaging.may_start(int, text, jsonb),
  messaging.park(uuid[]),
  messaging.unpark(int),
  messaging.known_destinations(),
  messaging.why_not_there(text),
  messaging.window_of(text, timestamptz),
  messaging.is_full(jsonb),
  messaging.is_halted(text, jsonb),
  messaging.lease(text, int, int, jsonb),
  messaging.admit(uuid[], jsonb),
  messaging.not_stopped(uuid[]),
  messaging.free_at(text, bigint, bigint, interval, timestamptz),
  messaging.within_caps(uuid[], jsonb),
  messaging.give_back(jsonb),
  messaging.forget_uses(int)
from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant execute on function messaging.stop, messaging.stop_as, messaging.resume,
      messaging.resume_as to service_role;
    grant select on messaging.stops, messaging.stopped_jobs, messaging.active_stops,
      messaging.cap_counts to service_role;
    grant select, insert, update, delete on messaging.destinations, messaging.prices
      to service_role;
  end if;
end
$$;

-- Whoever may hand over asks where texts may go.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.enqueue(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.why_not_there, messaging.known_destinations to %s', grantee
    );
  end loop;
end
$$;
