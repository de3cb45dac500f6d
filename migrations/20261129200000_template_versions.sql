-- Templates with versions, languages, declared variables and media. Each save that changes what a
-- template says makes a version, whoever saves and however; a message keeps the one it was made of.

alter table public.message_templates
  add column version int not null default 1,
  add column language text,
  add column texts jsonb not null default '{}',
  add column variables jsonb not null default '{}',
  add column media_urls text[] not null default '{}',
  add column category text not null default 'transactional',
  add column gsm7 boolean not null default false,
  add constraint message_templates_texts check (jsonb_typeof(texts) = 'object'),
  add constraint message_templates_variables check (jsonb_typeof(variables) = 'object'),
  add constraint message_templates_media check (cardinality(media_urls) <= 10),
  add constraint message_templates_category check (category in ('transactional', 'marketing'));

comment on column public.message_templates.version is
  'Counts the saves that changed what it says, from 1; set by a trigger, whatever is written here.';
comment on column public.message_templates.language is
  'The language of content_template, such as en or de-AT; null where there is one for all.';
comment on column public.message_templates.texts is
  'The text in other languages: {"de": "Hallo {{ name }}"}.';
comment on column public.message_templates.variables is
  'What is known of its variables: {"name": {"type": "text", "max_length": 20}}.';
comment on column public.message_templates.media_urls is
  'Pictures and the like for messages that bring none of their own; may hold {{variables}}.';
comment on column public.message_templates.category is
  'transactional or marketing: what a marketing text has to say besides is looked for.';
comment on column public.message_templates.gsm7 is
  'Whether curly quotes, long dashes and their like are replaced by their twins in GSM-7.';

alter table public.message_jobs add column template_version int;
comment on column public.message_jobs.template_version is
  'The version of its template that it is made of: the one that was current when it was handed '
  'over. Null without a template, and for messages from before there were versions.';

create table messaging.template_versions (
  template_id uuid not null,
  version int not null,
  content jsonb not null,
  saved_at timestamptz not null default clock_timestamp(),
  saved_by text not null default session_user,
  primary key (template_id, version)
);
comment on table messaging.template_versions is
  'What each template said, version by version; appended by a trigger and never changed.';
comment on column messaging.template_versions.template_id is
  'The template. It may be gone: its versions stay.';
comment on column messaging.template_versions.version is 'From 1.';
comment on column messaging.template_versions.content is
  'The columns of message_templates that make the text, by name (messaging.template_content).';
comment on column messaging.template_versions.saved_at is 'When it was saved.';
comment on column messaging.template_versions.saved_by is 'The database role that saved it.';

alter table messaging.template_versions enable row level security;

-- All that makes a text of it. Neither its name nor what happens in doubt: those are of now.
create function messaging.template_content(template public.message_templates) returns jsonb
language sql
immutable
return jsonb_build_object(
  'content_template', template.content_template,
  'template_vars', template.template_vars,
  'language', template.language,
  'texts', template.texts,
  'variables', template.variables,
  'media_urls', template.media_urls,
  'category', template.category,
  'gsm7', template.gsm7
);
comment on function messaging.template_content(public.message_templates) is
  'What a template says, as messaging.template_versions keeps it.';

create function messaging.count_template_version() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    -- A template that is restored under its old id goes on where its versions end.
    new.version := 1 + coalesce(
      (select max(version) from messaging.template_versions where template_id = new.id), 0
    );
  elsif messaging.template_content(new) is distinct from messaging.template_content(old) then
    new.version := old.version + 1;
    new.updated_at := clock_timestamp();
  else
    new.version := old.version;
  end if;
  return new;
end
$$;

create trigger message_templates_version before insert or update on public.message_templates
for each row execute function messaging.count_template_version();

-- Security definer, because whoever may save a template need not know that versions are kept.
create function messaging.keep_template_version() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or new.version <> old.version then
    insert into messaging.template_versions (template_id, version, content)
    values (new.id, new.version, messaging.template_content(new));
  end if;
  return null;
end
$$;

create trigger message_templates_kept after insert or update on public.message_templates
for each row execute function messaging.keep_template_version();

create function messaging.refuse_version_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'the versions of templates are append-only'
    using
      errcode = 'check_violation',
      hint = 'Save the template again: that makes a version of its own.';
end
$$;

create trigger template_versions_append_only
before update or delete on messaging.template_versions
for each row execute function messaging.refuse_version_change();

insert into messaging.template_versions (template_id, version, content)
select t.id, t.version, messaging.template_content(t)
from public.message_templates as t;

-- The version is the one of the moment at which a message is handed over, whatever is saved before
-- it is sent. What is sent again as it was keeps the version that its text is made of.
create function messaging.note_template_version() returns trigger
language plpgsql
security definer
-- Without a search_path of its own, which costs 5 us a row: every name and operator says its schema.
as $$
begin
  new.template_version := null;
  if new.retry_of is not null and new.prepared_at is not null then
    select before.template_version into new.template_version
    from public.message_jobs as before
    where before.id operator(pg_catalog.=) new.retry_of
      and before.template_id operator(pg_catalog.=) new.template_id;
  end if;
  if new.template_version is null then
    select current.version into new.template_version
    from public.message_templates as current
    where current.id operator(pg_catalog.=) new.template_id;
  end if;
  return new;
end
$$;

create trigger message_jobs_template_version before insert on public.message_jobs
for each row when (new.template_id is not null)
execute function messaging.note_template_version();

create trigger message_jobs_template_changed before update of template_id on public.message_jobs
for each row when (new.template_id is distinct from old.template_id)
execute function messaging.note_template_version();

-- What a draft was made of, where its template was saved while it was on its way into the table.
create function messaging.correct_versions(jobs uuid[], versions int[]) returns void
language sql
volatile
security definer
begin atomic
  update public.message_jobs as j
  set template_version = made.version
  from unnest(jobs, versions) as made (id, version)
  where j.id = any(array[made.id]) and j.template_version <> made.version;
end;
comment on function messaging.correct_versions(uuid[], int[]) is
  'Writes down of which versions of their templates new messages are made; for the Python face.';

-- Those that wait as bare rows were to be made of what the template says now.
update public.message_jobs
set template_version = 1
where
  template_id is not null
  and prepared_at is null
  and status not in ('sent', 'failed', 'canceled', 'expired', 'suppressed');

-- Security definer, because whoever hands over need not see versions.
create function messaging.brings_media(template uuid, version int) returns boolean
language sql
stable
security definer
return exists (
  select from messaging.template_versions as made_of
  where
    made_of.template_id = brings_media.template
    and made_of.version = brings_media.version
    and made_of.content -> 'media_urls' <> '[]'
);
comment on function messaging.brings_media(uuid, int) is
  'Whether messages of this version of a template take media from it.';

-- As it was, but where the template has media of its own, those of the message may be the template's.
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
    when template is null then job.message_content = coalesce(draft.message_content, '')
    else coalesce(job.template_vars, '{}') = coalesce(draft.template_vars, '{}')
  end;

revoke all on function
  messaging.template_content(public.message_templates),
  messaging.brings_media(uuid, int),
  messaging.correct_versions(uuid[], int[]),
  messaging.count_template_version(),
  messaging.keep_template_version(),
  messaging.refuse_version_change(),
  messaging.note_template_version()
from public;

-- Whoever could hand over still can.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.enqueue(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.brings_media, messaging.correct_versions, '
      'messaging.template_content to %s',
      grantee
    );
  end loop;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select on messaging.template_versions to service_role;
  end if;
end
$$;
