-- The original's dashboard queries.

create view messaging.sent_today with (security_invoker) as
select count(*) as sent_today
from public.message_jobs
where status = 'sent' and sent_at >= current_date;
comment on view messaging.sent_today is 'Messages that Twilio took since midnight.';

create view messaging.failed_recently with (security_invoker) as
select *
from public.message_jobs
where status = 'failed' and created_at >= now() - interval '24 hours'
order by created_at desc;
comment on view messaging.failed_recently is
  'Messages of the last 24 hours that failed and may need attention.';

create view messaging.queue_depth with (security_invoker) as
select
  lane.lane,
  depth.queue_length,
  depth.oldest_msg_age_sec,
  depth.newest_msg_age_sec,
  depth.total_messages
from (values ('urgent', 'sms_priority_queue'), ('normal', 'sms_queue'), ('dead', 'sms_dlq'))
  as lane (lane, queue)
cross join lateral pgmq.metrics(lane.queue) as depth;
comment on view messaging.queue_depth is 'How long each queue is, and how old its ends are.';

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select on messaging.sent_today, messaging.failed_recently, messaging.queue_depth
      to service_role;
  end if;
end
$$;
