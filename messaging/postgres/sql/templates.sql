-- name: keep_template
-- Makes sure that there is a template of this name. One that is there already stays as it is.
insert into public.message_templates (name, content_template, template_vars)
values (%(name)s, %(content_template)s, %(template_vars)s)
on conflict (name) do nothing

-- name: put_template
-- Stores a template, in place of one that has this name. Messages that were handed over keep the
-- version that was current then. Whether there was none, and the version that it has now.
insert into public.message_templates as t (
  name, content_template, template_vars, language, texts, variables, media_urls, category, gsm7,
  in_doubt_policy, opt_out_line
)
values (
  %(name)s, %(content_template)s, %(template_vars)s, %(language)s, %(texts)s, %(variables)s,
  %(media_urls)s, %(category)s, %(gsm7)s, %(in_doubt_policy)s, %(opt_out_line)s
)
on conflict (name) do update
set
  content_template = excluded.content_template,
  template_vars = excluded.template_vars,
  language = excluded.language,
  texts = excluded.texts,
  variables = excluded.variables,
  media_urls = excluded.media_urls,
  category = excluded.category,
  gsm7 = excluded.gsm7,
  in_doubt_policy = excluded.in_doubt_policy,
  opt_out_line = excluded.opt_out_line,
  updated_at = now()
returning t.xmax = 0, t.version

-- name: all_templates
-- Every template, by name, with what it says as JSON.
select
  t.name,
  t.version,
  t.content_template,
  array_remove(array[t.language] || array(select jsonb_object_keys(t.texts)), null) as languages,
  t.category,
  messaging.template_content(t)::text as content,
  t.in_doubt_policy,
  t.opt_out_line::text as opt_out_line,
  t.updated_at
from public.message_templates as t
order by t.name

-- name: template_named
-- One of them. No row: there is none.
select
  t.name,
  t.version,
  t.content_template,
  array_remove(array[t.language] || array(select jsonb_object_keys(t.texts)), null) as languages,
  t.category,
  messaging.template_content(t)::text as content,
  t.in_doubt_policy,
  t.opt_out_line::text as opt_out_line,
  t.updated_at
from public.message_templates as t
where t.name = %(name)s

-- name: versions_of_template
-- What a template has said, newest first. No row: there is none of this name.
select v.version, v.content::text as content, v.saved_at, v.saved_by
from public.message_templates as t
join messaging.template_versions as v on v.template_id = t.id
where t.name = %(name)s
order by v.version desc

-- name: opt_out_lines
-- What templates say of the opt-out line, each once.
select distinct opt_out_line::text
from public.message_templates
where opt_out_line is not null
