-- Numbers that were told how to opt out, as a view: Postgres takes a view into a statement that asks
-- it for thousands of messages, and calls a function for each of them, which costs 10 us a message.

create view messaging.informed_numbers with (security_invoker) as
select recipient_phone as phone
from public.message_jobs
where
  opt_out_line is not null
  -- Joined to nothing, so that no index on status fits: a number has few such texts.
  and status || '' = 'sent'
  and delivery_status in ('undelivered', 'failed', 'canceled') is not true;
comment on view messaging.informed_numbers is
  'Each number that a text with the opt-out line was sent to, once for each such text that is not known '
  'to have been lost. What is under way does not count yet.';

create or replace function messaging.had_opt_out_line(number text) returns boolean
language sql
stable
return exists (select from messaging.informed_numbers where phone = number);

do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.had_opt_out_line(text)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant select on messaging.informed_numbers to %s', grantee);
  end loop;
end
$$;
