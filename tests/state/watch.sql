-- What the tests of this folder add to a database: a note of every change that a job goes through,
-- a look at everything at once, and a clock that can be moved.

create schema watch;

create table watch.changes (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  old_status text not null,
  new_status text not null,
  old_attempt int not null,
  new_attempt int not null,
  old_sid text,
  new_sid text,
  old_word text,
  new_word text,
  old_recall text
);

create function watch.note() returns trigger
language plpgsql
as $$
begin
  insert into watch.changes (
    job_id, old_status, new_status, old_attempt, new_attempt,
    old_sid, new_sid, old_word, new_word, old_recall
  )
  values (
    old.id, old.status, new.status, old.attempt, new.attempt,
    old.twilio_sid, new.twilio_sid, old.delivery_status, new.delivery_status, old.recall
  );
  return null;
end
$$;

create trigger watch_jobs after update on public.message_jobs
for each row when (
  (old.status, old.attempt, old.twilio_sid, old.delivery_status)
  is distinct from (new.status, new.attempt, new.twilio_sid, new.delivery_status)
)
execute function watch.note();

-- Jobs as they stand in the order of their making, the changes since the last look, whose entries
-- are in the queues, attempts that ended twice, and attempts over which nothing was written.
create function watch.look() returns jsonb
language plpgsql
as $$
declare
  seen jsonb;
begin
  with changed as (
    delete from watch.changes returning *
  )
  select jsonb_build_object(
    'changes', coalesce(jsonb_agg(to_jsonb(changed) - 'id' order by id), '[]'),
    'jobs', (
      select coalesce(jsonb_agg(to_jsonb(job) order by created_at, id), '[]')
      from (
        select
          id, status, attempt, twilio_sid, delivery_status, message_content, recall,
          in_doubt_policy, created_at, due_at is not null as is_due,
          handed_over_at is not null as is_kept
        from public.message_jobs
      ) as job
    ),
    'entries', (
      select coalesce(jsonb_agg(distinct message ->> 'job_id'), '[]')
      from (
        select message from pgmq.q_sms_queue
        union all
        select message from pgmq.q_sms_priority_queue
      ) as entry
      where message ->> 'job_id' is not null
    ),
    'ended_twice', (
      select coalesce(jsonb_agg(concat_ws(' ', kind, attempt, job_id)), '[]')
      from (
        select kind, attempt, job_id
        from messaging.message_events
        where kind in ('settled', 'swept', 'reconciled')
        group by kind, attempt, job_id
        having count(*) > 1
      ) as twice
    ),
    'unwritten', (
      select coalesce(jsonb_agg(concat_ws(' ', number, id)), '[]')
      from public.message_jobs as j
      cross join generate_series(1, j.attempt - (j.status = 'processing')::int) as number
      where not exists (
        select from messaging.message_events as e
        where
          e.job_id = j.id
          and (
            e.attempt = number
            -- A receipt of an earlier attempt ends the last one, whose worker may say nothing.
            or number = j.attempt and e.kind = 'receipt' and e.twilio_sid = j.twilio_sid
          )
      )
    )
  )
  into seen
  from changed;
  return seen;
end
$$;

-- So much time passes: every time that a decision depends on moves into the past.
create function watch.advance(seconds double precision) returns void
language plpgsql
as $$
declare
  time interval := make_interval(secs => seconds);
begin
  update public.message_jobs
  set
    due_at = due_at - time,
    claimed_at = claimed_at - time,
    created_at = created_at - time,
    scheduled_for = scheduled_for - time,
    handed_over_at = handed_over_at - time;
  update pgmq.q_sms_queue set vt = vt - time;
  update pgmq.q_sms_priority_queue set vt = vt - time;
end
$$;

create function watch.reset() returns void
language plpgsql
as $$
begin
  truncate public.message_jobs, messaging.message_events, watch.changes;
  truncate pgmq.q_sms_queue, pgmq.q_sms_priority_queue, pgmq.q_sms_dlq;
end
$$;
