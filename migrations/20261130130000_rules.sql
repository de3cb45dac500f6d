-- What the rules add and what they say: the opt-out line of the first text to a number, and the rulebooks
-- by which texts were judged.

alter table public.message_templates
  add column opt_out_line jsonb,
  add constraint message_templates_opt_out_line check (
    jsonb_typeof(opt_out_line) in ('boolean', 'string', 'object')
  );
comment on column public.message_templates.opt_out_line is
  'Whether the first text to a number gets the opt-out line: true, false, or words of its own, as a text '
  'or by language ({"de": "Stopp mit STOPP"}); null: as the category says. Of now, whatever the version.';

alter table public.message_jobs add column opt_out_line text;
comment on column public.message_jobs.opt_out_line is
  'The opt-out line that was added to it as it was about to be sent, because the number had had none; '
  'empty where the text had it already; null: none.';

-- serves: first_texts; which numbers have had the line
create index message_jobs_opt_out_line on public.message_jobs (recipient_phone)
where opt_out_line is not null;

create function messaging.own_words(job public.message_jobs) returns text
language sql
immutable
return case
  when coalesce(job.opt_out_line, '') = '' then job.message_content
  when job.message_content = job.opt_out_line then ''
  else left(job.message_content, -1 - char_length(job.opt_out_line))
end;
comment on function messaging.own_words(public.message_jobs) is
  'What a message says without the opt-out line that was added to it.';

-- As it was, but that the line that was added to a text is not part of what was handed over.
create or replace function messaging.says_the_same(
  draft messaging.draft, template uuid, job public.message_jobs
) returns boolean
language sql
stable
return
  messaging.same_number(job.recipient_phone, draft.recipient_phone)
  and job.template_id is not distinct from template
  and (
    job.media_urls = coalesce(draft.media_urls, '{}')
    or template is not null and messaging.brings_media(template, job.template_version)
  )
  and case
    when template is null then messaging.own_words(job) = coalesce(draft.message_content, '')
    else coalesce(job.template_vars, '{}') = coalesce(draft.template_vars, '{}')
  end;

create function messaging.had_opt_out_line(number text) returns boolean
language sql
stable
return exists (
  select from public.message_jobs as told
  where
    told.recipient_phone = number
    and told.opt_out_line is not null
    and told.status || '' = 'sent'
    and told.delivery_status in ('undelivered', 'failed', 'canceled') is not true
);
comment on function messaging.had_opt_out_line(text) is
  'Whether a text with the opt-out line was sent to this number, unless none of them arrived. What is under '
  'way does not count yet.';

create function messaging.awaits_opt_out_line(job public.message_jobs, categories text[])
returns boolean
language sql
stable
return
  job.opt_out_line is null
  and case
    when job.template_id is null then coalesce(job.category, 'transactional') = any(categories)
    else exists (
      select from public.message_templates as t
      where
        t.id = job.template_id
        and case
          when t.opt_out_line is null then coalesce(job.category, t.category) = any(categories)
          else t.opt_out_line <> 'false'
        end
    )
  end
  and not messaging.had_opt_out_line(job.recipient_phone);
comment on function messaging.awaits_opt_out_line(public.message_jobs, text[]) is
  'Whether a message would get the opt-out line if it were sent now, where texts of these categories do.';

create function messaging.first_texts(ids uuid[])
returns table (
  id uuid,
  message_content text,
  has_media boolean,
  category text,
  template_line text,
  asked_language text,
  template_language text,
  languages text[],
  gsm7 boolean
)
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  select
    j.id,
    j.message_content,
    cardinality(j.media_urls) > 0,
    coalesce(j.category, t.category, 'transactional'),
    t.opt_out_line::text,
    coalesce(j.template_vars ->> 'language', t.template_vars ->> 'language'),
    t.language,
    array(select jsonb_object_keys(t.texts)),
    coalesce(t.gsm7, false)
  from public.message_jobs as j
  left join public.message_templates as t on t.id = j.template_id
  where
    j.id = any(ids)
    and j.status || '' = 'pending'
    and j.attempt = 0
    and j.prepared_at is not null
    and j.opt_out_line is null
    and not messaging.had_opt_out_line(j.recipient_phone)
  order by j.id;
end
$$;
comment on function messaging.first_texts(uuid[]) is
  'Those of these messages that wait for their first try and go to a number that has had no opt-out line.';

create function messaging.add_opt_out_lines(texts jsonb) returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return query
  with given as materialized (
    select g.id, g.line, g.segments
    from jsonb_to_recordset(texts) as g (id uuid, line text, segments int)
    order by g.id
  ),
  changed as (
    update public.message_jobs as j
    set
      message_content = case
        when g.line = '' then j.message_content
        when j.message_content = '' then g.line
        else j.message_content || E'\n' || g.line
      end,
      opt_out_line = g.line,
      segments = g.segments
    from given as g
    where
      j.id = any(array[g.id])
      and j.status || '' = 'pending'
      and j.attempt = 0
      and j.opt_out_line is null
    returning j.id, j.opt_out_line, j.segments
  ),
  journal as (
    insert into messaging.message_events (job_id, kind, details)
    select
      changed.id,
      'opt_out_line',
      jsonb_build_object('line', changed.opt_out_line, 'segments', changed.segments)
    from changed
  )
  select changed.id from changed;
end
$$;
comment on function messaging.add_opt_out_lines(jsonb) is
  'Adds the opt-out line to messages that nobody has tried yet, once and for all of their tries; returns '
  'those that it found. An empty line notes that the text has it already.';

create function messaging.refuse_first_text(job uuid, why text) returns uuid
language sql
begin atomic
  with refused as (
    update public.message_jobs as j
    set status = 'failed', due_at = null, error_details = jsonb_build_object('message', why)
    where j.id = job and j.status = 'pending' and j.attempt = 0
    returning j.id
  )
  insert into messaging.message_events (job_id, kind, details)
  select refused.id, 'refused', jsonb_build_object('reason', why)
  from refused
  returning job_id;
end;
comment on function messaging.refuse_first_text(uuid, text) is
  'Fails a message that the opt-out line does not fit into. Null: somebody has claimed or ended it.';

create table messaging.rulebooks (
  key text primary key,
  rules jsonb not null,
  first_used_at timestamptz not null default clock_timestamp(),
  constraint rulebooks_rules check (jsonb_typeof(rules) = 'array')
);
comment on table messaging.rulebooks is
  'Every set of rules by which texts were judged: each rule with its version, in the order in which they '
  'are asked. The journal names it by its key (details, "rules"). Rows are only added.';
comment on column messaging.rulebooks.key is 'A digest of the rules: the same rules, the same key.';
comment on column messaging.rulebooks.rules is
  'An object for each rule: its name, its version, and what the settings tell it to look at.';
comment on column messaging.rulebooks.first_used_at is 'When a worker first asked them.';

create table messaging.rule_versions (
  rule text not null,
  version int not null,
  since timestamptz not null default clock_timestamp(),
  primary key (rule, version)
);
comment on table messaging.rule_versions is
  'The versions of rules that SQL asks, and since when: what the journal says of a rule was said by the '
  'version of that time. Whoever changes what such a rule does adds a row. Rows are only added.';
comment on column messaging.rule_versions.rule is 'Its name, as in the journal.';
comment on column messaging.rule_versions.version is 'From 1.';
comment on column messaging.rule_versions.since is 'From when on it held.';
insert into messaging.rule_versions (rule, version, since)
select rule, 1, '2026-01-01 00:00:00+00'
from unnest(array['stop', 'cap', 'recipient_cap', 'dead_number', 'opt_out', 'deadline']) as rule;

create function messaging.refuse_rule_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'what rules said is only added to: add a version'
    using errcode = 'restrict_violation';
end
$$;
create trigger rulebooks_append_only before update or delete on messaging.rulebooks
for each row execute function messaging.refuse_rule_change();
create trigger rule_versions_append_only before update or delete on messaging.rule_versions
for each row execute function messaging.refuse_rule_change();

-- As it was, with the version of the rule in the journal.
create or replace function messaging.defer(waits jsonb) returns setof uuid
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
      id uuid, until timestamptz, reason text, time_zone text, version text
    )
    where
      j.id = any(array[w.id])
      and j.status in ('pending', 'scheduled')
      and j.handed_over_at is null
      and w.until > coalesce(j.scheduled_for, '-infinity')
    returning j.id, w.until, w.reason, w.time_zone, w.version
  )
  insert into messaging.message_events (job_id, kind, details)
  select
    id,
    'deferred',
    jsonb_build_object(
      'reason', reason, 'until', until, 'time_zone', time_zone, 'version', version
    )
  from deferred
  returning job_id
$$;
alter table messaging.rulebooks enable row level security;
alter table messaging.rule_versions enable row level security;

revoke all on function
  messaging.own_words(public.message_jobs),
  messaging.had_opt_out_line(text),
  messaging.awaits_opt_out_line(public.message_jobs, text[]),
  messaging.first_texts(uuid[]),
  messaging.add_opt_out_lines(jsonb),
  messaging.refuse_first_text(uuid, text),
  messaging.refuse_rule_change()
from public;

-- Whoever could hand over compares with what was handed over; whoever may settle may complete.
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
    execute format('grant execute on function messaging.own_words to %s', grantee);
  end loop;
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.settle(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.had_opt_out_line, messaging.awaits_opt_out_line, '
      'messaging.first_texts, messaging.add_opt_out_lines, messaging.refuse_first_text to %s',
      grantee
    );
    execute format('grant select, insert on messaging.rulebooks to %s', grantee);
    execute format('grant select on messaging.rule_versions to %s', grantee);
  end loop;
end
$$;
