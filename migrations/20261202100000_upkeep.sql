-- Upkeep: room for the opt-out line, asked for as soon as a body is handed over with SQL.

create table messaging.opt_out_line (
  one boolean primary key default true,
  line text not null,
  categories text[] not null,
  noted_at timestamptz not null default clock_timestamp(),
  constraint opt_out_line_one check (one)
);
comment on table messaging.opt_out_line is
  'The opt-out line of the settings, as the bridge noted it last: SQL that hands messages over does not '
  'see the settings.';
comment on column messaging.opt_out_line.one is 'There is one row, or none before the first bridge.';
comment on column messaging.opt_out_line.line is 'The line; empty where texts get none.';
comment on column messaging.opt_out_line.categories is 'Whose first texts get it.';
comment on column messaging.opt_out_line.noted_at is 'When the bridge noted it.';
alter table messaging.opt_out_line enable row level security;

-- Security definer, because whoever may hand over need not see the table.
create function messaging.check_room(drafts jsonb) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  noted messaging.opt_out_line;
  body text;
  most int;
begin
  select * into noted from messaging.opt_out_line where line <> '';
  if not found then
    return;
  end if;
  most := 1600 - 1 - char_length(noted.line);
  select item ->> 'message_content' into body
  from jsonb_array_elements(drafts) as item
  where
    char_length(item ->> 'message_content') between most + 1 and 1600
    and item ->> 'template' is null
    and item ->> 'template_id' is null
    -- Who has prepared it has asked, knowing its category.
    and item ->> 'prepared' is distinct from 'true'
    and coalesce(item ->> 'category', 'transactional') = any(noted.categories)
    and strpos(item ->> 'message_content', noted.line) = 0
  limit 1;
  if found then
    raise exception 'message_content has % characters, and no room for the opt-out line that the first '
      'text to a number gets: shorten it to % or fewer, or let it say that line itself',
      char_length(body), most using errcode = 'check_violation';
  end if;
end
$$;
comment on function messaging.check_room(jsonb) is
  'Raises for a draft whose body is too long with the opt-out line that it gets if it is the first text to '
  'its number. What a template makes is not known yet.';

-- As it was, but that it asks for that room.
create or replace function messaging.enqueue_by_clock(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  item jsonb;
begin
  perform messaging.check_room(drafts);
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

revoke all on function messaging.check_room(jsonb) from public;

-- Whoever could hand over still can; whoever may settle runs the bridge.
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
    execute format('grant execute on function messaging.check_room to %s', grantee);
  end loop;
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.settle(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant select, insert, update on messaging.opt_out_line to %s', grantee);
  end loop;
end
$$;
