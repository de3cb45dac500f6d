-- A text that comes too late is not sent. Between the claim and the send each text is reviewed, and the
-- claim tells what the review must know.

alter table public.message_jobs add column expires_at timestamptz;
comment on column public.message_jobs.expires_at is
  'The deadline: what cannot be sent before becomes expired. Null: it may be sent at any time.';

drop function messaging.claim(uuid[], interval);

create function messaging.claim(ids uuid[], lease interval)
returns table (
  id uuid,
  attempt int,
  recipient_phone text,
  message_content text,
  media_urls text[],
  retry_count int,
  max_retries int,
  in_doubt_policy text,
  doubt_resends int,
  expires_in interval
)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  with ours as materialized (
    select id
    from public.message_jobs
    where
      id = any(ids)
      -- Joined to nothing, so that no index on status fits: all that is pending would be read.
      and status || '' = 'pending'
      and prepared_at is not null
    order by id
    for update skip locked
  )
  update public.message_jobs as j
  set
    status = 'processing',
    attempt = j.attempt + 1,
    claimed_at = clock_timestamp(),
    due_at = clock_timestamp() + lease,
    updated_at = clock_timestamp()
  from ours
  where j.id = any(array[ours.id])
  returning
    j.id,
    j.attempt,
    j.recipient_phone,
    j.message_content,
    j.media_urls,
    j.retry_count,
    j.max_retries,
    coalesce(
      j.in_doubt_policy,
      (select t.in_doubt_policy from public.message_templates as t where t.id = j.template_id)
    ),
    j.doubt_resends,
    j.expires_at - clock_timestamp();
end
$$;
comment on function messaging.claim(uuid[], interval) is
  'Makes pending messages the caller''s to send, each by one caller only. One that is missing is '
  'somebody else''s, or not pending. Those whose expires_in is negative must not be sent.';

revoke all on function messaging.claim(uuid[], interval) from public;

-- Whoever may settle may claim.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.settle(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.claim to %s', grantee);
  end loop;
end
$$;
