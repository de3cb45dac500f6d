-- name: keep_template
-- Makes sure that there is a template of this name. One that is there already stays as it is.
insert into public.message_templates (name, content_template, template_vars)
values (%(name)s, %(content_template)s, %(template_vars)s)
on conflict (name) do nothing

-- name: put_template
-- Stores a template, in place of one that has this name. Messages that are prepared keep the
-- text that they have. True where there was none.
insert into public.message_templates as t
  (name, content_template, template_vars, in_doubt_policy)
values (%(name)s, %(content_template)s, %(template_vars)s, %(in_doubt_policy)s)
on conflict (name) do update
set
  content_template = excluded.content_template,
  template_vars = excluded.template_vars,
  in_doubt_policy = excluded.in_doubt_policy,
  updated_at = now()
returning t.xmax = 0

-- name: all_templates
-- Every template, by name.
select name, content_template, template_vars, in_doubt_policy, updated_at
from public.message_templates
order by name
