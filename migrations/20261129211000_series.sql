-- Recurring reminders: a rule (RRULE, RFC 5545) on the clocks of a zone. Each occurrence becomes a
-- message once: the service makes them some days ahead, with its row here in the same transaction.

create table messaging.series (
  id uuid primary key default messaging.new_id(),
  rule text not null,
  starts_at timestamp not null,
  time_zone text not null,
  draft jsonb not null,
  status text not null default 'active',
  reason text,
  made_until timestamp,
  look_at timestamptz default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint series_status check (status in ('active', 'paused', 'stopped', 'ended', 'refused')),
  constraint series_starts_at check (starts_at between '1970-01-01' and '9000-01-01'),
  constraint series_draft check (jsonb_typeof(draft) = 'object')
);

-- serves: series_due
create index series_due on messaging.series (look_at) where status = 'active';

comment on table messaging.series is
  'Reminders that come again and again, by a rule; each occurrence becomes a message.';
comment on column messaging.series.id is 'Ours; the caller may choose it.';
comment on column messaging.series.rule is
  'An RRULE of RFC 5545 with COUNT or UNTIL, such as FREQ=WEEKLY;BYDAY=MO;COUNT=10.';
comment on column messaging.series.starts_at is
  'The time on the clocks of time_zone that the rule counts from (DTSTART).';
comment on column messaging.series.time_zone is 'The zone, by its name in the IANA database.';
comment on column messaging.series.draft is
  'What each occurrence is: the fields of messaging.enqueue that say to whom and what.';
comment on column messaging.series.status is
  'active, paused, stopped by somebody, ended by its rule, or refused for the reason.';
comment on column messaging.series.reason is 'Why it was refused, as a sentence.';
comment on column messaging.series.made_until is
  'Up to when, on its clocks, occurrences are messages already; null: it was never looked at.';
comment on column messaging.series.look_at is 'When the service looks at it next.';
comment on column messaging.series.created_at is 'When it was added.';
comment on column messaging.series.updated_at is 'When it was last changed.';

create table messaging.occurrences (
  series_id uuid not null references messaging.series (id) on delete cascade,
  local_time timestamp not null,
  job_id uuid not null,
  primary key (series_id, local_time)
);

comment on table messaging.occurrences is 'Which message an occurrence of a series became.';
comment on column messaging.occurrences.series_id is 'The series.';
comment on column messaging.occurrences.local_time is 'Its time on the clocks of the series.';
comment on column messaging.occurrences.job_id is 'The message.';

alter table messaging.series enable row level security;
alter table messaging.occurrences enable row level security;

-- Withdraws what has become a message and not gone out. An occurrence of which that is proved becomes a
-- message again if the series goes on before its time.
create function messaging.change_series(series uuid, wanted text) returns text
language plpgsql
as $$
declare
  was messaging.series;
  occurrence messaging.occurrences;
begin
  select s.* into was from messaging.series as s where s.id = series for update;
  if was.id is null then
    return 'not_found';
  end if;
  if was.status = wanted then
    return wanted;
  end if;
  if was.status not in ('active', 'paused', 'ended') or wanted = 'active' and was.status = 'ended' then
    return 'too_late';
  end if;

  update messaging.series as s
  set
    status = wanted,
    look_at = clock_timestamp(),
    made_until = case
      when wanted <> 'active' then s.made_until
      when now() at time zone s.time_zone > s.starts_at then now() at time zone s.time_zone
    end,
    updated_at = clock_timestamp()
  where s.id = series;

  if wanted <> 'active' then
    for occurrence in
      select o.*
      from messaging.occurrences as o
      join public.message_jobs as j on j.id = o.job_id
      where
        o.series_id = series
        and j.status in ('scheduled', 'pending', 'retrying')
      order by j.id
    loop
      perform messaging.cancel(occurrence.job_id);
      delete from messaging.occurrences as o
      using public.message_jobs as j
      where
        o.series_id = series
        and o.local_time = occurrence.local_time
        and j.id = o.job_id
        and not messaging.may_be_out(j);
    end loop;
  end if;
  return wanted;
end
$$;

comment on function messaging.change_series(uuid, text) is
  'Makes a series active, paused or stopped: the new status, too_late or not_found.';

create function messaging.pause_series(series uuid) returns text
language sql
return messaging.change_series(series, 'paused');
comment on function messaging.pause_series(uuid) is
  'Lets a series rest, and cancels what of it has not begun to go out: paused, too_late or not_found.';

create function messaging.resume_series(series uuid) returns text
language sql
return messaging.change_series(series, 'active');
comment on function messaging.resume_series(uuid) is
  'Lets a paused series go on, with the occurrences to come: active, too_late or not_found.';

create function messaging.stop_series(series uuid) returns text
language sql
return messaging.change_series(series, 'stopped');
comment on function messaging.stop_series(uuid) is
  'Ends a series, and cancels what of it has not begun to go out: stopped, too_late or not_found.';

create function messaging.add_series(
  rule text, starts_at timestamp, time_zone text, draft jsonb, id uuid default null
) returns uuid
language sql
begin atomic
  insert into messaging.series (id, rule, starts_at, time_zone, draft)
  values (coalesce(id, messaging.new_id()), rule, starts_at, time_zone, draft)
  returning id;
end;
comment on function messaging.add_series(text, timestamp, text, jsonb, uuid) is
  'Adds a series; draft has the fields of messaging.enqueue. Its rule is looked at by the service, within '
  'a minute: a bad one makes it refused, with the reason.';

revoke all on function
  messaging.change_series(uuid, text),
  messaging.pause_series(uuid),
  messaging.resume_series(uuid),
  messaging.stop_series(uuid),
  messaging.add_series(text, timestamp, text, jsonb, uuid)
from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert, update on messaging.series to service_role;
    grant select, insert, delete on messaging.occurrences to service_role;
    grant execute on function
      messaging.change_series,
      messaging.pause_series,
      messaging.resume_series,
      messaging.stop_series,
      messaging.add_series
    to service_role;
  end if;
end
$$;
