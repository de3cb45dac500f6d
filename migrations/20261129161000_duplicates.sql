-- Duplicates: how long an idempotency key names its message, and the original's content window: the
-- same text for the same user to the same number within a time is the first one again.

alter table public.message_jobs
  add column idempotency_expires_at timestamptz,
  add column content_key uuid;

comment on column public.message_jobs.idempotency_expires_at is
  'From then on another message may take its idempotency_key, once it has ended; null for never.';
comment on column public.message_jobs.content_key is
  'Of a message with a content window: what it says, to whom and for whom, as a hash.';

-- serves: enqueue; of the same texts within a window there is one
create unique index message_jobs_content_key on public.message_jobs (content_key)
where content_key is not null;

alter type messaging.draft add attribute idempotency_ttl interval;
alter type messaging.draft add attribute dedupe_window interval;

create or replace function messaging.why_refused(draft messaging.draft, found_template uuid)
returns text
language sql
stable
return case
  when btrim(coalesce(draft.recipient_phone, '')) = '' then
    'recipient_phone is missing: give the number to text, with + and country code'
  when length(regexp_replace(draft.recipient_phone, '\D', '', 'g')) not between 5 and 17 then
    'recipient_phone is not a phone number: write it with + and country code'
  when
    draft.template is not null and draft.template_id is not null and found_template is null
  then 'template and template_id do not name one and the same template: give one of them'
  when draft.template is not null and found_template is null then
    format('there is no template named %L: insert it into message_templates first', draft.template)
  when draft.template_id is not null and found_template is null then
    format('there is no template with id %s', draft.template_id)
  when
    coalesce(draft.message_content, '') = ''
    and found_template is null
    and coalesce(cardinality(draft.media_urls), 0) = 0
  then 'message_content is missing: give a text, a template or media_urls'
  when char_length(draft.message_content) > 1600 then
    format(
      'message_content has %s characters: Twilio takes at most 1600',
      char_length(draft.message_content)
    )
  when cardinality(draft.media_urls) > 10 then
    format('media_urls has %s entries: Twilio takes at most 10', cardinality(draft.media_urls))
  when draft.scheduled_for not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
    'scheduled_for must be between the years 1970 and 9998'
  when draft.max_retries not between 0 and 20 then 'max_retries must be from 0 to 20'
  when draft.in_doubt_policy not in ('reconcile', 'hold', 'resend', 'fail') then
    'in_doubt_policy must be reconcile, hold, resend or fail'
  when char_length(draft.idempotency_key) not between 1 and 255 then
    'idempotency_key must have 1 to 255 characters'
  when draft.idempotency_ttl not between interval '1 second' and interval '10 years' then
    'idempotency_ttl must be from a second to ten years'
  when draft.dedupe_window not between interval '0' and interval '1 year' then
    'dedupe_window must be from 0 to a year'
end;

create or replace function messaging.unknown_field(item jsonb) returns text
language sql
immutable
return (
  select min(field)
  from jsonb_object_keys(
    item - array[
      'id', 'recipient_phone', 'message_content', 'template', 'template_id', 'template_vars',
      'scheduled_for', 'priority', 'user_id', 'metadata', 'max_retries', 'media_urls',
      'in_doubt_policy', 'idempotency_key', 'retry_of', 'prepared', 'segments',
      'idempotency_ttl', 'dedupe_window'
    ]
  ) as field
);

create function messaging.digits(phone text) returns text
language sql
immutable
return ltrim(regexp_replace(phone, '\D', '', 'g'), '0');

-- What a draft with a window says, to whom, for whom: of two that are alike the first counts. A
-- text for a time to come is alike only to one for that very time.
create function messaging.content_key(draft messaging.draft, template uuid) returns uuid
language sql
stable
return case when draft.dedupe_window > interval '0' then
  encode(
    substring(
      sha256(
        convert_to(
          jsonb_build_array(
            draft.user_id,
            messaging.digits(draft.recipient_phone),
            case when draft.prepared or template is null then
              coalesce(draft.message_content, '')
            end,
            case when draft.prepared is not true then template end,
            case when draft.prepared is not true and template is not null then
              coalesce(draft.template_vars, '{}')
            end,
            coalesce(draft.media_urls, '{}'),
            case when draft.scheduled_for > now() then extract(epoch from draft.scheduled_for) end
          )::text,
          'UTF8'
        )
      )
      for 16
    ),
    'hex'
  )::uuid
end;

-- Whether a line of the journal proves that Twilio did not take the text of its attempt. A person's
-- word that it did not go out is such a proof.
create function messaging.is_proof(event messaging.message_events) returns boolean
language sql
immutable
return case event.kind
  when 'settled' then coalesce(
    event.details ->> 'answer' in ('rejected', 'not sent', 'handover refused', 'not handed over'),
    false
  )
  when 'reconciled' then coalesce(event.details ->> 'reason' = 'not at Twilio', false)
  when 'resolved' then coalesce(event.details ->> 'decision' = 'resend', false)
  else false
end;

create function messaging.may_be_out(job public.message_jobs) returns boolean
language sql
stable
return
  job.status not in ('failed', 'canceled', 'expired', 'suppressed')
  or job.twilio_sid is not null and job.delivery_status is distinct from 'canceled'
  -- Twilio had a text of it, and nothing says that it was dropped there.
  or exists (
    select from messaging.message_events as had
    where
      had.job_id = job.id
      and had.twilio_sid is not null
      and not exists (
        select from messaging.message_events as dropped
        where
          dropped.job_id = job.id
          and dropped.twilio_sid = had.twilio_sid
          and (
            dropped.kind = 'recalled'
            or dropped.kind = 'receipt' and dropped.delivery_status = 'canceled'
          )
      )
  )
  -- It was in doubt, and nothing ended that.
  or exists (
    select from messaging.message_events as doubt
    where
      doubt.job_id = job.id
      and (
        doubt.kind in ('swept', 'held')
        or doubt.details ->> 'answer' in ('in doubt', 'undecided')
        or doubt.details ->> 'reason' = 'policy resend'
      )
      and not exists (
        select from messaging.message_events as proof
        where
          proof.job_id = job.id
          and proof.id > doubt.id
          and proof.attempt is not distinct from doubt.attempt
          and messaging.is_proof(proof)
      )
  )
  -- An attempt of which the journal says no end.
  or exists (
    select from generate_series(1, job.attempt) as made (attempt)
    where not exists (
      select from messaging.message_events as told
      where
        told.job_id = job.id
        and told.attempt = made.attempt
        and (
          messaging.is_proof(told)
          or told.details ->> 'answer' in ('accepted', 'found at Twilio')
        )
    )
  )
  -- Another program's, of which nothing is known.
  or job.attempt = 0
    and job.status = 'failed'
    and not exists (
      select from messaging.message_events as why
      where why.job_id = job.id and why.kind = 'refused'
    );
comment on function messaging.may_be_out(public.message_jobs) is
  'Whether a text of this message may be out, or may still go out: false only if its journal '
  'proves of each attempt that Twilio did not take it.';

-- Whether a key no longer names the message: its time is over, and the message has ended.
create function messaging.key_is_over(job public.message_jobs) returns boolean
language sql
stable
return
  coalesce(job.idempotency_expires_at <= now(), false)
  and job.status in ('sent', 'failed', 'canceled', 'expired', 'suppressed');

-- Whether a text with this window may go out beside an earlier one that says the same. The earlier
-- one does not count where it is that old, or where it is proved that it did not go out.
create function messaging.window_is_over(job public.message_jobs, dedupe_window interval)
returns boolean
language sql
stable
return
  (job.created_at <= now() - dedupe_window and coalesce(job.scheduled_for <= now(), true))
  or not messaging.may_be_out(job);

-- Takes the keys that are over from messages that have them, so that others may. The jobs are
-- locked first, and judged by what is true then.
create function messaging.release_keys(
  jobs uuid[], idempotency_keys text[], content_keys uuid[], dedupe_windows interval[]
) returns void
language plpgsql
as $$
begin
  perform from public.message_jobs
  where id = any(jobs)
  order by id
  for update;

  with wanted as (
    select * from unnest(jobs, idempotency_keys, content_keys, dedupe_windows)
      as w (job_id, idempotency_key, content_key, dedupe_window)
  ),
  judged as (
    select
      j.id,
      bool_or(j.idempotency_key = w.idempotency_key and messaging.key_is_over(j)) as key_over,
      bool_or(
        j.content_key = w.content_key and messaging.window_is_over(j, w.dedupe_window)
      ) as window_over
    from wanted as w
    join public.message_jobs as j on j.id = any(array[w.job_id])
    group by j.id
  ),
  released as (
    update public.message_jobs as j
    set
      idempotency_key = case when judged.key_over then null else j.idempotency_key end,
      content_key = case when judged.window_over then null else j.content_key end
    from judged
    where j.id = any(array[judged.id]) and (judged.key_over or judged.window_over)
    returning j.id, judged.key_over
  )
  insert into messaging.message_events (job_id, kind)
  select id, 'key_expired' from released where key_over;
end
$$;

-- Whether a draft that met this message may become one of its own, once the key is released.
create function messaging.may_have_another(
  twin public.message_jobs, draft_id uuid, draft_key text, dedupe_window interval
) returns boolean
language sql
stable
return case
  when twin.id is null or coalesce(twin.id = draft_id, false) then false
  when coalesce(twin.idempotency_key = draft_key, false) then messaging.key_is_over(twin)
  else messaging.window_is_over(twin, dedupe_window)
end;

-- Why a draft that says something else than the message that it names is refused.
create function messaging.why_another(twin public.message_jobs, draft_key text) returns text
language sql
stable
return case
  when twin.idempotency_key = draft_key then format(
    'idempotency_key %L already belongs to message %s, which says something else: use a new key',
    draft_key, twin.id
  )
  else format('message %s already exists and says something else', twin.id)
end;

-- All items in a few statements; raises where one of them breaks a constraint or a type.
create or replace function messaging.enqueue_together(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  item messaging.enqueued;
  draft messaging.draft;
  template uuid;
  content uuid;
  twin public.message_jobs;
  again int[] := '{}';
  holders uuid[] := '{}';
  keys text[] := '{}';
  contents uuid[] := '{}';
  windows interval[] := '{}';
begin
  with items as materialized (
    select
      given.position::int as position,
      case when jsonb_typeof(given.item) = 'object' then
        jsonb_populate_record(null::messaging.draft, given.item)
      end as draft,
      case when jsonb_typeof(given.item) = 'object' then messaging.unknown_field(given.item) end
        as unknown
    from jsonb_array_elements(drafts) with ordinality as given (item, position)
  ),
  drafted as materialized (
    select
      items.position,
      items.draft,
      items.unknown,
      coalesce((items.draft).id, messaging.new_id()) as id,
      case
        when (items.draft).template is null then by_id.id
        when (items.draft).template_id is null or by_name.id = by_id.id then by_name.id
      end as template_id
    from items
    left join public.message_templates as by_id on by_id.id = (items.draft).template_id
    left join public.message_templates as by_name on by_name.name = (items.draft).template
  ),
  judged as materialized (
    select
      drafted.*,
      messaging.content_key(drafted.draft, drafted.template_id) as content_key,
      case
        when drafted.draft is null then 'an item must be an object'
        when drafted.unknown is not null then format(
          '%s is no field of a message: check how it is written', drafted.unknown
        )
        else messaging.why_refused(drafted.draft, drafted.template_id)
      end as reason,
      row_number() over (
        partition by drafted.id, (drafted.draft).idempotency_key
        order by drafted.position
      ) as turn
    from drafted
  ),
  inserted as (
    insert into public.message_jobs (
      id, recipient_phone, message_content, template_id, template_vars, scheduled_for, priority,
      user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key,
      idempotency_expires_at, content_key, retry_of, prepared_at, segments
    )
    select
      judged.id,
      (judged.draft).recipient_phone,
      coalesce((judged.draft).message_content, ''),
      judged.template_id,
      (judged.draft).template_vars,
      (judged.draft).scheduled_for,
      coalesce((judged.draft).priority, 0),
      (judged.draft).user_id,
      coalesce((judged.draft).metadata, '{}'),
      coalesce((judged.draft).max_retries, 3),
      coalesce((judged.draft).media_urls, '{}'),
      (judged.draft).in_doubt_policy,
      (judged.draft).idempotency_key,
      case when (judged.draft).idempotency_key is not null then
        now() + coalesce((judged.draft).idempotency_ttl, interval '30 days')
      end,
      judged.content_key,
      (judged.draft).retry_of,
      case when (judged.draft).prepared then clock_timestamp() end,
      (judged.draft).segments
    from judged
    where judged.reason is null
    -- In the order of what may exist already, so that two batches never wait for each other in
    -- a circle. Every way to hand over has the same one.
    order by
      (judged.draft).idempotency_key,
      case when judged.content_key is not null then
        messaging.digits((judged.draft).recipient_phone)
      end,
      case when judged.content_key is not null then (judged.draft).message_content end,
      (judged.draft).id,
      judged.position
    on conflict do nothing
    returning id, idempotency_key, content_key
  )
  select
    array_agg(
      row(
        judged.position,
        case when judged.reason is null then judged.id end,
        case
          when judged.reason is not null then 'refused'
          when inserted.id is not null then 'created'
          else 'duplicate'
        end,
        judged.reason
      )::messaging.enqueued
      order by judged.position
    )
  into answers
  from judged
  left join inserted
    on inserted.id = judged.id
    and inserted.idempotency_key is not distinct from (judged.draft).idempotency_key
    and inserted.content_key is not distinct from judged.content_key
    and judged.turn = 1;

  foreach item in array coalesce(answers, '{}')
  loop
    continue when item.result <> 'duplicate';
    draft := jsonb_populate_record(null::messaging.draft, drafts -> (item.position - 1));
    select found.id into template
    from public.message_templates as found
    where found.id = draft.template_id or found.name = draft.template;
    content := messaging.content_key(draft, template);
    select existing.* into twin
    from public.message_jobs as existing
    where
      existing.idempotency_key = draft.idempotency_key
      or existing.id = draft.id
      or existing.content_key = content
    order by
      coalesce(existing.idempotency_key = draft.idempotency_key, false) desc,
      coalesce(existing.id = draft.id, false) desc
    limit 1;
    if messaging.may_have_another(twin, draft.id, draft.idempotency_key, draft.dedupe_window) then
      again := again || item.position;
      holders := holders || twin.id;
      keys := keys || draft.idempotency_key;
      contents := contents || content;
      windows := windows || draft.dedupe_window;
      continue;
    end if;
    item.id := twin.id;
    if not messaging.says_the_same(draft, template, twin)
      and (twin.id = draft.id or twin.idempotency_key = draft.idempotency_key)
    then
      item.result := 'refused';
      item.reason := messaging.why_another(twin, draft.idempotency_key);
    end if;
    answers[item.position] := item;
  end loop;

  if cardinality(again) > 0 then
    perform messaging.release_keys(holders, keys, contents, windows);
    for item in
      select (again)[answer.position], answer.id, answer.result, answer.reason
      from messaging.enqueue_together(
        (
          select jsonb_agg(drafts -> (place.position - 1) order by place.turn)
          from unnest(again) with ordinality as place (position, turn)
        )
      ) as answer
    loop
      answers[item.position] := item;
    end loop;
  end if;
  return query select * from unnest(answers);
end
$$;

-- The face: one bad item never sinks the rest.
create or replace function messaging.enqueue(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  place int;
  item messaging.enqueued;
  answers messaging.enqueued[];
  detail text;
begin
  if jsonb_typeof(drafts) = 'object' then
    drafts := jsonb_build_array(drafts);
  end if;
  if jsonb_typeof(drafts) is distinct from 'array' then
    raise exception 'messaging.enqueue takes a JSON array of messages'
      using errcode = 'invalid_parameter_value',
      hint = '[{"recipient_phone": "+15555550100", "message_content": "Hello"}]';
  end if;

  begin
    return query select * from messaging.enqueue_together(drafts);
    return;
  exception
    when data_exception or integrity_constraint_violation then
      null; -- one of them cannot be stored: find out which, one by one
  end;

  for place in
    select given.position
    from jsonb_array_elements(drafts) with ordinality as given (item, position)
    order by
      given.item ->> 'idempotency_key',
      case when given.item ->> 'dedupe_window' is not null then
        messaging.digits(given.item ->> 'recipient_phone')
      end,
      case when given.item ->> 'dedupe_window' is not null then
        given.item ->> 'message_content'
      end,
      given.item ->> 'id',
      given.position
  loop
    begin
      select * into item
      from messaging.enqueue_together(jsonb_build_array(drafts -> (place - 1)));
    exception
      when data_exception or integrity_constraint_violation then
        get stacked diagnostics detail = pg_exception_detail;
        item := row(
          place, null, 'refused', concat_ws(': ', sqlerrm, nullif(detail, ''))
        )::messaging.enqueued;
    end;
    item.position := place;
    answers[place] := item;
  end loop;
  return query select * from unnest(answers);
end
$$;

-- As it was, with lifetimes of keys and with windows. Callers from before give neither.
drop function messaging.enqueue_prepared;

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
  segment_counts int[],
  key_lifetimes text[] default null,
  dedupe_windows text[] default null
) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  told messaging.enqueued[];
  again int[];
  chunk record;
begin
  begin
    with items as (
      select
        item.*,
        item.id is null
        or lag(item.id) over ranking is distinct from item.id
        or lag(item.idempotency_key) over ranking is distinct from item.idempotency_key
          as is_first
      from unnest(
        ids, user_ids, recipient_phones, message_contents, template_ids, template_variables, times,
        priorities, retries, notes, media, in_doubt_policies, idempotency_keys, segment_counts,
        key_lifetimes, dedupe_windows
      ) with ordinality as item (
        id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
        priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
        idempotency_ttl, dedupe_window, position
      )
      window ranking as (order by item.idempotency_key, item.id, item.position)
    ),
    drafted as materialized (
      select
        items.position,
        items.is_first,
        items.id as given_id,
        coalesce(items.id, messaging.new_id()) as id,
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
        items.segments,
        items.idempotency_ttl::interval as idempotency_ttl,
        items.dedupe_window::interval as dedupe_window
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
            drafted.in_doubt_policy, drafted.idempotency_key, null, true, drafted.segments,
            drafted.idempotency_ttl, drafted.dedupe_window
          )::messaging.draft,
          drafted.found_template
        ) as reason,
        case when drafted.dedupe_window is not null then
          messaging.content_key(
            row(
              null, drafted.recipient_phone, drafted.message_content, null, null, null,
              drafted.scheduled_for, null, drafted.user_id, null, null, drafted.media_urls, null,
              null, null, true, null, null, drafted.dedupe_window
            )::messaging.draft,
            null
          )
        end as content_key
      from drafted
    ),
    inserted as (
      insert into public.message_jobs (
        id, recipient_phone, message_content, template_id, template_vars, scheduled_for, priority,
        user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key,
        idempotency_expires_at, content_key, prepared_at, segments
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
        case when judged.idempotency_key is not null then
          now() + coalesce(judged.idempotency_ttl, interval '30 days')
        end,
        judged.content_key,
        clock_timestamp(),
        judged.segments
      from judged
      where judged.reason is null
      -- In the order of what may exist already, so that two batches never wait for each other in
      -- a circle.
      order by
        judged.idempotency_key,
        case when judged.content_key is not null then messaging.digits(judged.recipient_phone) end,
        case when judged.content_key is not null then judged.message_content end,
        judged.given_id,
        judged.position
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
    select
      array_agg(
        row(
          item.place,
          twin.id,
          case when twin.differs then 'refused' else 'duplicate' end,
          twin.reason
        )::messaging.enqueued
      ) filter (where twin.may_be_another is not true),
      array_agg(item.place) filter (where twin.may_be_another)
    into told, again
    from unnest(
      answers, ids, user_ids, recipient_phones, message_contents, template_ids, template_variables,
      times, media, idempotency_keys, dedupe_windows
    ) with ordinality as item (
      position, answer_id, result, reason, id, user_id, recipient_phone, message_content,
      template_id, template_vars, scheduled_for, media_urls, idempotency_key, dedupe_window, place
    )
    left join lateral (
      select
        existing.id,
        alike.differs,
        case when alike.differs then messaging.why_another(existing, item.idempotency_key) end
          as reason,
        messaging.may_have_another(
          existing, item.id, item.idempotency_key, item.dedupe_window::interval
        ) as may_be_another
      from public.message_jobs as existing
      cross join lateral (
        select
          (
            coalesce(existing.id = item.id, false)
            or coalesce(existing.idempotency_key = item.idempotency_key, false)
          )
          and not messaging.says_the_same(
            row(
              item.id, item.recipient_phone, item.message_content, null, item.template_id,
              item.template_vars::jsonb, null, null, null, null, null, item.media_urls::text[],
              null, item.idempotency_key, null, true, null, null, null
            )::messaging.draft,
            item.template_id,
            existing
          ) as differs
      ) as alike
      where
        existing.idempotency_key = item.idempotency_key
        or existing.id = item.id
        or existing.content_key = case when item.dedupe_window is not null then
          messaging.content_key(
            row(
              null, item.recipient_phone, item.message_content, null, null, null,
              item.scheduled_for::timestamptz, null, item.user_id, null, null,
              item.media_urls::text[], null, null, null, true, null, null,
              item.dedupe_window::interval
            )::messaging.draft,
            null
          )
        end
      order by
        coalesce(existing.idempotency_key = item.idempotency_key, false) desc,
        coalesce(existing.id = item.id, false) desc
      limit 1
    ) as twin on true
    where item.result = 'duplicate';
    return query select * from unnest(told);
    if again is null then
      return;
    end if;
  end if;

  -- In chunks: only one that holds a row which cannot be stored is gone through one by one. Those
  -- whose twin may have another beside it go the same way: messaging.enqueue releases its key.
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
          'segments', item.segments,
          'idempotency_ttl', item.idempotency_ttl,
          'dedupe_window', item.dedupe_window
        )
        order by item.rank
      ) as drafts
    from (
      select
        given.*,
        row_number() over (
          order by
            given.idempotency_key,
            case when given.dedupe_window is not null then
              messaging.digits(given.recipient_phone)
            end,
            case when given.dedupe_window is not null then given.message_content end,
            given.id,
            given.place
        ) as rank
      from unnest(
        ids, user_ids, recipient_phones, message_contents, template_ids, template_variables, times,
        priorities, retries, notes, media, in_doubt_policies, idempotency_keys, segment_counts,
        key_lifetimes, dedupe_windows
      ) with ordinality as given (
        id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
        priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
        idempotency_ttl, dedupe_window, place
      )
      where again is null or given.place = any(again)
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

revoke all on function
  messaging.digits(text),
  messaging.content_key(messaging.draft, uuid),
  messaging.is_proof(messaging.message_events),
  messaging.may_be_out(public.message_jobs),
  messaging.key_is_over(public.message_jobs),
  messaging.window_is_over(public.message_jobs, interval),
  messaging.release_keys(uuid[], text[], uuid[], interval[]),
  messaging.may_have_another(public.message_jobs, uuid, text, interval),
  messaging.why_another(public.message_jobs, text)
from public;

-- Whoever could hand over still can.
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
    execute format(
      'grant execute on function messaging.enqueue_prepared, messaging.digits, '
      'messaging.content_key, messaging.is_proof, messaging.may_be_out, messaging.key_is_over, '
      'messaging.window_is_over, messaging.release_keys, messaging.may_have_another, '
      'messaging.why_another to %s',
      grantee
    );
  end loop;
end
$$;
