-- name: keep_rulebook
-- Puts a rulebook on record under its key, unless it is.
insert into messaging.rulebooks (key, rules)
values (%(key)s, %(rules)s::jsonb)
on conflict (key) do nothing

-- name: rulebooks_of_job
-- The rulebooks that a job's journal names.
select b.key, b.rules
from messaging.rulebooks as b
where b.key in (
  select e.details ->> 'rules'
  from messaging.message_events as e
  where e.job_id = %(id)s
)

-- name: rule_versions
-- The versions of the rules that SQL asks, oldest first.
select rule, version, since
from messaging.rule_versions
order by rule, version
