-- The queues: pgmq itself, the original's two lanes and its dead letters.
--
-- `messaging migrate` installs pgmq's bundled SQL first where the extension is not available,
-- so that this file is the same everywhere.

create schema if not exists messaging;
comment on schema messaging is 'The messaging service: its journal, its functions and its views.';

do $$
begin
  if to_regnamespace('pgmq') is not null then
    return;
  end if;
  if exists (select from pg_available_extensions where name = 'pgmq') then
    create extension pgmq;
    return;
  end if;
  raise exception 'pgmq is not installed'
    using hint = 'Run "messaging migrate", which installs it, or install the pgmq extension.';
end
$$;

do $$
declare
  queue text;
begin
  foreach queue in array array['sms_queue', 'sms_priority_queue', 'sms_dlq']
  loop
    if to_regclass('pgmq.q_' || queue) is null then
      perform pgmq.create(queue);
    end if;
  end loop;

  -- Every entry is updated once (leased) and deleted: room for the new version on the same
  -- page, and a vacuum that does not wait for a fifth of a table that is mostly dead.
  foreach queue in array array['sms_queue', 'sms_priority_queue']
  loop
    execute format(
      'alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, '
      'autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)',
      'q_' || queue
    );
  end loop;
end
$$;
