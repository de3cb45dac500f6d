-- name: keep_template
-- Makes sure that there is a template of this name. One that is there already stays as it is.
insert into public.message_templates (name, content_template, template_vars)
values (%(name)s, %(content_template)s, %(template_vars)s)
on conflict (name) do nothing
