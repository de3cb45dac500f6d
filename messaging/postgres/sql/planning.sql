-- name: foresee
-- What would be said of drafts that were handed over now, a row each in their order: why one is
-- refused, which message it would be a duplicate of, what it costs, and what stands in its way.
-- Nothing is written; so keys that are over are judged, and not released.
select
  messaging.why_refused(given.draft, found.id) as refusal,
  content.key as content_key,
  twin.id is not null as is_duplicate,
  twin.reason as twin_reason,
  coalesce(price.region, '?') as region,
  case
    when cardinality((given.draft).media_urls) > 0 then price.media_usd
    else (given.draft).segments * price.segment_usd
  end as usd,
  (
    select concat_ws(' ', s.scope, nullif(s.value, ''))
    from messaging.stops as s
    where s.id = messaging.stop_of((given.draft).recipient_phone, (given.draft).metadata)
  ) as stop,
  dead.error_code as dead_code,
  dead.until as dead_until,
  (
    select true
    from messaging.informed_numbers as informed
    where informed.phone = (given.draft).recipient_phone
    limit 1
  ) is not null as had_line,
  found.opt_out_line::text as template_line,
  coalesce(
    (given.draft).template_vars ->> 'language', found.template_vars ->> 'language'
  ) as asked_language,
  found.language as template_language,
  array(select jsonb_object_keys(found.texts)) as languages,
  coalesce(found.gsm7, false) as gsm7
from (
  select
    item.place,
    row(
      item.id, item.recipient_phone, item.message_content, null, item.template_id,
      item.template_vars::jsonb, item.scheduled_for::timestamptz, item.priority, item.user_id,
      item.metadata::jsonb, item.max_retries, item.media_urls::text[], item.in_doubt_policy,
      item.idempotency_key, null, true, item.segments, item.idempotency_ttl::interval,
      item.dedupe_window::interval, item.expires_at::timestamptz, item.lifetime::interval,
      item.max_carrier_retries::int
    )::messaging.draft as draft
  from unnest(
    %(id)s::uuid[], %(user_id)s::uuid[], %(recipient_phone)s::text[], %(message_content)s::text[],
    %(template_id)s::uuid[], %(template_vars)s::text[], %(scheduled_for)s::text[],
    %(priority)s::int[], %(max_retries)s::int[], %(metadata)s::text[], %(media_urls)s::text[],
    %(in_doubt_policy)s::text[], %(idempotency_key)s::text[], %(segments)s::int[],
    %(idempotency_ttl)s::text[], %(dedupe_window)s::text[], %(expires_at)s::text[],
    %(lifetime)s::text[], %(max_carrier_retries)s::int[]
  ) with ordinality as item (
    id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
    priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
    idempotency_ttl, dedupe_window, expires_at, lifetime, max_carrier_retries, place
  )
) as given
left join public.message_templates as found on found.id = (given.draft).template_id
cross join lateral (
  select
    case when (given.draft).dedupe_window is not null then
      messaging.content_key(given.draft, null)
    end as key
) as content
left join lateral (
  select
    existing.id,
    case
      when
        existing.idempotency_key = (given.draft).idempotency_key
        and not messaging.says_the_same(given.draft, (given.draft).template_id, existing)
      then messaging.why_another(existing, (given.draft).idempotency_key)
    end as reason
  from public.message_jobs as existing
  where
    (
      existing.idempotency_key = (given.draft).idempotency_key
      or existing.content_key = content.key
    )
    and not messaging.may_have_another(
      existing, null, (given.draft).idempotency_key, (given.draft).dedupe_window
    )
  order by coalesce(existing.idempotency_key = (given.draft).idempotency_key, false) desc
  limit 1
) as twin on true
left join messaging.dead_numbers as dead on dead.phone = (given.draft).recipient_phone
cross join lateral (
  select here.region, p.segment_usd, p.media_usd
  from messaging.region_of((given.draft).recipient_phone) as here (region)
  cross join messaging.prices as p
  where p.region = any(array[here.region, '*'])
  order by p.region = '*'
  limit 1
) as price
order by given.place

-- name: uses
-- When these numbers had texts in the last day, in order; one a row.
select recipient, at
from messaging.cap_uses
where recipient = any(%(phones)s) and at > now() - interval '1 day'
order by at

-- name: ahead
-- What waits or becomes due until a time, by lane and minute; what waits by now is due now.
select
  lane,
  due,
  count(*) as messages,
  sum(segments) as segments,
  coalesce(sum(usd), 0) as usd
from (
  select
    case messaging.queue_of(j.priority) when 'sms_priority_queue' then 'urgent' else 'normal' end
      as lane,
    case
      when j.status = 'pending' then now()
      else greatest(now(), date_trunc('minute', j.due_at))
    end as due,
    greatest(j.segments, 1) as segments,
    case when %(in_usd)s then (
      select greatest(j.segments, 1) * p.segment_usd
      from messaging.prices as p
      where p.region = any(array[messaging.region_of(j.recipient_phone), '*'])
      order by p.region = '*'
      limit 1
    ) end as usd
  from public.message_jobs as j
  where
    j.status = 'pending'
    or j.status in ('scheduled', 'retrying')
    and j.due_at <= %(until)s
    and j.handed_over_at is null
) as waiting
group by lane, due
