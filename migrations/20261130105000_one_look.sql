-- One look each second tells that there is nothing to promote, to expire or to hurry, instead of three.

create function messaging.has_due(within interval) returns boolean
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return
    -- A status each, as in promote.
    exists (
      select
      from public.message_jobs
      where status = 'scheduled' and due_at <= statement_timestamp() and handed_over_at is null
    )
    or exists (
      select
      from public.message_jobs
      where status = 'retrying' and due_at <= statement_timestamp() and handed_over_at is null
    )
    or exists (
      select
      from public.message_jobs
      where
        status in ('scheduled', 'pending', 'retrying')
        and expires_at <= statement_timestamp()
        and handed_over_at is null
    )
    or exists (
      select
      from public.message_jobs
      where
        status = 'pending'
        and expires_at > statement_timestamp()
        and expires_at <= statement_timestamp() + within
        and messaging.queue_of(priority) = 'sms_queue'
        and coalesce(hurried_at < due_at, true)
    )
    or exists (
      select
      from messaging.stops as s
      join messaging.stopped_jobs as p on p.stop_id = s.id
      where s.resumed_at is not null
    );
end
$$;
comment on function messaging.has_due(interval) is
  'Whether messaging.promote, expire or unpark would find anything to do now, or hurry within so long. It '
  'changes nothing, and costs little where there is nothing.';

revoke all on function messaging.has_due(interval) from public;

-- Whoever may promote may look.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.promote(int)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.has_due to %s', grantee);
  end loop;
end
$$;
