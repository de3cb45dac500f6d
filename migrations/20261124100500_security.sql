-- Row level security: nothing for the anonymous role; a signed-in user may read its own messages.
-- The service connects as the owner of these tables and is not held by it.

create function messaging.current_user_id() returns uuid
language sql
stable
return nullif(
  coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  ),
  ''
)::uuid;
comment on function messaging.current_user_id() is
  'The signed-in user of a PostgREST or Supabase request, from its token; null outside of one.';

alter table public.message_templates enable row level security;
alter table public.message_jobs enable row level security;
alter table messaging.message_events enable row level security;

create policy message_jobs_own on public.message_jobs
for select using (user_id = (select messaging.current_user_id()));

revoke all on all functions in schema messaging from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'anon') then
    revoke all on public.message_templates, public.message_jobs from anon;
  end if;
  if exists (select from pg_roles where rolname = 'authenticated') then
    revoke all on public.message_templates, public.message_jobs from authenticated;
    grant select on public.message_jobs to authenticated;
    grant usage on schema messaging to authenticated;
    grant execute on function messaging.current_user_id() to authenticated;
  end if;
  if exists (select from pg_roles where rolname = 'service_role') then
    grant usage on schema messaging to service_role;
    grant select, insert, update, delete on public.message_templates to service_role;
    grant select, insert, update on public.message_jobs to service_role;
    grant select, insert on messaging.message_events to service_role;
    grant execute on all functions in schema messaging to service_role;
  end if;
end
$$;
