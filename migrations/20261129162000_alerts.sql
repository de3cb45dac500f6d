-- Who lives, and what is wrong: signs of life of the processes, alerts, and the news about them.

create table messaging.heartbeats (
  process text not null,
  role text not null,
  beaten_at timestamptz not null default clock_timestamp(),
  skew double precision not null default 0,
  primary key (process, role),
  constraint heartbeats_role check (role in ('web', 'worker', 'bridge', 'beat'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
comment on table messaging.heartbeats is
  'The processes that run, or that went without a word: each writes a row every ten seconds.';
comment on column messaging.heartbeats.process is 'What it calls itself: worker-1@host.';
comment on column messaging.heartbeats.role is 'What it does; one process may do several things.';
comment on column messaging.heartbeats.beaten_at is 'Its last sign of life.';
comment on column messaging.heartbeats.skew is
  'By how many seconds its clock is ahead of the database''s; negative where it is behind.';

create table messaging.watches (
  name text primary key,
  looked_at timestamptz not null
);
comment on table messaging.watches is
  'When somebody last looked at what is wrong: whoever moves it on looks, nobody else does.';
comment on column messaging.watches.name is 'What is looked at.';
comment on column messaging.watches.looked_at is 'When the last look began.';
insert into messaging.watches (name, looked_at) values ('alerts', '-infinity');

create table messaging.alerts (
  name text not null,
  subject text not null default '',
  since timestamptz not null,
  seen_at timestamptz not null,
  fired_at timestamptz,
  value double precision not null,
  primary key (name, subject)
) with (fillfactor = 50);
comment on table messaging.alerts is
  'What is wrong now. A row goes when it has been well for a while.';
comment on column messaging.alerts.name is 'Which alert (docs/how-to/alerts.md).';
comment on column messaging.alerts.subject is 'Of what: a lane, a kind of process, a table.';
comment on column messaging.alerts.since is 'When it was first seen.';
comment on column messaging.alerts.seen_at is 'When it was last seen.';
comment on column messaging.alerts.fired_at is
  'When it was told; null while it is too young to be worth a word.';
comment on column messaging.alerts.value is 'The last figure seen.';

create table messaging.alert_notices (
  id uuid primary key default messaging.new_id(),
  channel text not null,
  name text not null,
  subject text not null,
  state text not null,
  value double precision not null,
  since timestamptz not null,
  at timestamptz not null default clock_timestamp(),
  attempts int not null default 0,
  next_at timestamptz not null default clock_timestamp(),
  constraint alert_notices_channel check (channel in ('webhook', 'command')),
  constraint alert_notices_state check (state in ('firing', 'resolved'))
);
comment on table messaging.alert_notices is
  'News about alerts that a channel has not taken yet; told in the order of their ids.';
comment on column messaging.alert_notices.id is 'The same with each try: who is told twice knows.';
comment on column messaging.alert_notices.channel is 'Who is to be told: webhook or command.';
comment on column messaging.alert_notices.name is 'Which alert.';
comment on column messaging.alert_notices.subject is 'Of what.';
comment on column messaging.alert_notices.state is 'firing or resolved.';
comment on column messaging.alert_notices.value is 'The figure at that time.';
comment on column messaging.alert_notices.since is 'When it was first seen.';
comment on column messaging.alert_notices.at is 'When it fired or was resolved.';
comment on column messaging.alert_notices.attempts is 'How often it was tried.';
comment on column messaging.alert_notices.next_at is
  'When it is tried next; whoever tries moves it on first, so that nobody else does.';

create function messaging.heartbeat(
  process text,
  roles text[],
  skew double precision,
  rest interval
) returns boolean
language plpgsql
as $$
begin
  -- A sign of life that a crash of the server loses comes again.
  perform set_config('synchronous_commit', 'off', true);
  insert into messaging.heartbeats as known (process, role, skew)
  select heartbeat.process, unnest(roles), heartbeat.skew
  on conflict on constraint heartbeats_pkey do update
  set beaten_at = clock_timestamp(), skew = excluded.skew;
  -- Somebody who is frozen in the middle of this must not hold up the others.
  update messaging.watches
  set looked_at = clock_timestamp()
  where name = (
    select name from messaging.watches
    where name = 'alerts' and looked_at <= clock_timestamp() - rest
    for update skip locked
  );
  return found;
end
$$;
comment on function messaging.heartbeat(text, text[], double precision, interval) is
  'Writes a sign of life. Returns whether the caller is to look at alerts now: one process is, '
  'when nobody has for this long. A null rest never asks for that.';

create function messaging.dead_share(relation regclass) returns double precision
language sql
stable
return (
  select
    case
      when n_dead_tup < 50000 then 0
      else n_dead_tup::float8 / greatest(n_dead_tup + n_live_tup, 1)
    end
  from pg_stat_all_tables
  where relid = relation
);
comment on function messaging.dead_share(regclass) is
  'The share of a table''s rows that are dead and not yet cleaned away; 0 below 50,000 of them.';

revoke all on function messaging.heartbeat(text, text[], double precision, interval) from public;
revoke all on function messaging.dead_share(regclass) from public;
alter table messaging.heartbeats enable row level security;
alter table messaging.watches enable row level security;
alter table messaging.alerts enable row level security;
alter table messaging.alert_notices enable row level security;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select on messaging.heartbeats, messaging.alerts to service_role;
  end if;
end
$$;
