-- Bare rows are prepared in groups: a statement and a commit for each of them let a bridge hand out
-- some nine hundred a second.
create function messaging.prepare(
  ids uuid[],
  phones text[],
  contents text[],
  media text[],
  segments int[],
  urgent_lifetime interval,
  normal_lifetime interval
)
returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  -- In the order of their ids, so that two groups never wait for each other in a circle.
  return query
  with given as materialized (
    select *
    from
      unnest(
        prepare.ids, prepare.phones, prepare.contents, prepare.media, prepare.segments
      ) as one (job_id, phone, content, urls, counted)
    order by job_id
  )
  update public.message_jobs as j
  set
    recipient_phone = g.phone,
    message_content = g.content,
    media_urls = g.urls::text[],
    segments = g.counted,
    expires_at = coalesce(
      j.expires_at,
      greatest(j.created_at, j.scheduled_for)
      + case messaging.queue_of(j.priority)
        when 'sms_priority_queue' then prepare.urgent_lifetime
        else prepare.normal_lifetime
      end
    ),
    prepared_at = clock_timestamp()
  from given as g
  where
    j.id = any(array[g.job_id])
    and j.prepared_at is null
    -- Joined to nothing, so that no index on status fits.
    and j.status || '' in ('pending', 'scheduled')
  returning j.id;
end
$$;
comment on function messaging.prepare(uuid[], text[], text[], text[], int[], interval, interval) is
  'Writes what was found about bare rows: the number in E.164, the text, its media as the literal of an '
  'array, its segments, and the deadline of its lane where it has none. Returns those that were not '
  'prepared or withdrawn meanwhile.';

revoke all on function
  messaging.prepare(uuid[], text[], text[], text[], int[], interval, interval)
from public;

-- Whoever may claim may prepare.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.claim(uuid[], interval)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.prepare to %s', grantee);
  end loop;
end
$$;
