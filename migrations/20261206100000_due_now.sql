-- What of the upkeep has something to do, found out in one look a second instead of one for each.
create function messaging.due_now(
  within interval,
  out promotion boolean,
  out doubts boolean,
  out recalls boolean
)
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  promotion := messaging.has_due(within);
  doubts := exists (
    select
    from public.message_jobs
    where status = 'in_doubt' and due_at <= statement_timestamp()
  );
  recalls := exists (
    select
    from public.message_jobs
    where recall is not null and handed_over_at is not null and due_at <= statement_timestamp()
  );
end
$$;
comment on function messaging.due_now(interval) is
  'Whether promotion (as messaging.has_due says it), jobs in doubt, and jobs that are wanted back from '
  'Twilio''s scheduling have something to do now. It changes nothing, and costs little where there is nothing.';

revoke all on function messaging.due_now(interval) from public;

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
    execute format('grant execute on function messaging.due_now to %s', grantee);
  end loop;
end
$$;
