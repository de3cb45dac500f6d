-- Many prepared drafts at once, a column an array: what the Python face calls. Where one of them
-- breaks a rule of a table, all of them go the way of messaging.enqueue.

create function messaging.enqueue_prepared(
  ids uuid[],
  user_ids uuid[],
  recipient_phones text[],
  message_contents text[],
  template_ids uuid[],
  template_variables text[],
  times text[],
  priorities int[],
  retries int[],
  notes text[],
  media text[],
  in_doubt_policies text[],
  idempotency_keys text[],
  segment_counts int[]
) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  chunk record;
begin
  begin
    with items as (
      select
        item.*,
        -- In the order of what may exist already, so that two batches never wait for each other
        -- in a circle.
        row_number() over ranking as rank,
        item.id is null
        or lag(item.id) over ranking is distinct from item.id
        or lag(item.idempotency_key) over ranking is distinct from item.idempotency_key
          as is_first
      from unnest(
        ids, user_ids, recipient_phones, message_contents, template_ids, template_variables, times,
        priorities, retries, notes, media, in_doubt_policies, idempotency_keys, segment_counts
      ) with ordinality as item (
        id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
        priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
        position
      )
      window ranking as (order by item.idempotency_key, item.id, item.position)
    ),
    drafted as materialized (
      select
        items.position,
        items.rank,
        items.is_first,
        coalesce(items.id, gen_random_uuid()) as id,
        items.user_id,
        items.recipient_phone,
        items.message_content,
        items.template_id,
        case when items.template_id is not null then (
          select found.id from public.message_templates as found where found.id = items.template_id
        ) end as found_template,
        items.template_vars::jsonb as template_vars,
        items.scheduled_for::timestamptz as scheduled_for,
        items.priority,
        items.max_retries,
        items.metadata::jsonb as metadata,
        items.media_urls::text[] as media_urls,
        items.in_doubt_policy,
        items.idempotency_key,
        items.segments
      from items
    ),
    judged as materialized (
      select
        drafted.*,
        messaging.why_refused(
          row(
            drafted.id, drafted.recipient_phone, drafted.message_content, null,
            drafted.template_id, drafted.template_vars, drafted.scheduled_for, drafted.priority,
            drafted.user_id, drafted.metadata, drafted.max_retries, drafted.media_urls,
            drafted.in_doubt_policy, drafted.idempotency_key, null, true, drafted.segments
          )::messaging.draft,
          drafted.found_template
        ) as reason
      from drafted
    ),
    inserted as (
      insert into public.message_jobs (
        id, recipient_phone, message_content, template_id, template_vars, scheduled_for, priority,
        user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key, prepared_at,
        segments
      )
      select
        judged.id,
        judged.recipient_phone,
        judged.message_content,
        judged.found_template,
        judged.template_vars,
        judged.scheduled_for,
        judged.priority,
        judged.user_id,
        coalesce(judged.metadata, '{}'),
        judged.max_retries,
        coalesce(judged.media_urls, '{}'),
        judged.in_doubt_policy,
        judged.idempotency_key,
        clock_timestamp(),
        judged.segments
      from judged
      where judged.reason is null
      order by judged.rank
      on conflict do nothing
      returning id, coalesce(idempotency_key, '') as idempotency_key
    )
    select
      array_agg(
        row(
          judged.position::int,
          case when judged.reason is null then judged.id end,
          case
            when judged.reason is not null then 'refused'
            -- Not a join: a plan for ten rows would compare every row with every other.
            when
              judged.is_first
              and (judged.id, coalesce(judged.idempotency_key, '')) in (
                select inserted.id, inserted.idempotency_key from inserted
              )
            then 'created'
            else 'duplicate'
          end,
          judged.reason
        )::messaging.enqueued
        order by judged.position
      )
    into answers
    from judged;
  exception
    when data_exception or integrity_constraint_violation then
      null; -- one of them cannot be stored: messaging.enqueue finds out which
  end;

  if answers is not null then
    return query select * from unnest(answers) as answer where answer.result <> 'duplicate';

    -- A statement of its own, which sees what another caller has stored meanwhile.
    return query
    select
      item.place::int,
      twin.id,
      case when twin.differs then 'refused' else 'duplicate' end,
      case
        when twin.differs is not true then null
        when twin.idempotency_key = item.idempotency_key then format(
          'idempotency_key %L already belongs to message %s, which says something else: '
          'use a new key', item.idempotency_key, twin.id
        )
        else format('message %s already exists and says something else', twin.id)
      end
    from unnest(
      answers, ids, recipient_phones, message_contents, template_ids, template_variables, media,
      idempotency_keys
    ) with ordinality as item (
      position, answer_id, result, reason, id, recipient_phone, message_content, template_id,
      template_vars, media_urls, idempotency_key, place
    )
    left join lateral (
      select
        existing.id,
        existing.idempotency_key,
        not messaging.says_the_same(
          row(
            item.id, item.recipient_phone, item.message_content, null, item.template_id,
            item.template_vars::jsonb, null, null, null, null, null, item.media_urls::text[],
            null, item.idempotency_key, null, true, null
          )::messaging.draft,
          item.template_id,
          existing
        ) as differs
      from public.message_jobs as existing
      where existing.idempotency_key = item.idempotency_key or existing.id = item.id
      order by existing.idempotency_key is not distinct from item.idempotency_key desc
      limit 1
    ) as twin on true
    where item.result = 'duplicate';
    return;
  end if;

  -- In chunks: only one that holds a row which cannot be stored is gone through one by one.
  for chunk in
    select
      array_agg(item.place order by item.rank) as places,
      jsonb_agg(
        jsonb_build_object(
          'id', item.id,
          'user_id', item.user_id,
          'recipient_phone', item.recipient_phone,
          'message_content', item.message_content,
          'template_id', item.template_id,
          'template_vars', item.template_vars::jsonb,
          'scheduled_for', item.scheduled_for,
          'priority', item.priority,
          'max_retries', item.max_retries,
          'metadata', item.metadata::jsonb,
          'media_urls', item.media_urls::text[],
          'in_doubt_policy', item.in_doubt_policy,
          'idempotency_key', item.idempotency_key,
          'prepared', true,
          'segments', item.segments
        )
        order by item.rank
      ) as drafts
    from (
      select
        given.*,
        row_number() over (order by given.idempotency_key, given.id, given.place) as rank
      from unnest(
        ids, user_ids, recipient_phones, message_contents, template_ids, template_variables, times,
        priorities, retries, notes, media, in_doubt_policies, idempotency_keys, segment_counts
      ) with ordinality as given (
        id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
        priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
        place
      )
    ) as item
    group by (item.rank - 1) / 100
    order by (item.rank - 1) / 100
  loop
    return query
    select (chunk.places)[answer.position]::int, answer.id, answer.result, answer.reason
    from messaging.enqueue(chunk.drafts) as answer;
  end loop;
end
$$;
comment on function messaging.enqueue_prepared is
  'messaging.enqueue for drafts that the service has prepared, an array a column; null for a '
  'column that no draft has. The rows are in no order.';

revoke all on function messaging.enqueue_prepared from public;

-- Whoever was allowed to call messaging.enqueue hands over through Python as before.
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
    execute format('grant execute on function messaging.enqueue_prepared to %s', grantee);
  end loop;
end
$$;
