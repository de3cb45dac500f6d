-- A pgmq as old as Supabase's 1.4.4, as far as we use it: its signatures and its columns, written
-- anew. No headers, no arrays for set_vt, no visible length in the metrics.
create schema pgmq;

create type pgmq.message_record as (
  msg_id bigint,
  read_ct integer,
  enqueued_at timestamptz,
  vt timestamptz,
  message jsonb
);

create type pgmq.metrics_result as (
  queue_name text,
  queue_length bigint,
  newest_msg_age_sec int,
  oldest_msg_age_sec int,
  total_messages bigint,
  scrape_time timestamptz
);

create function pgmq.create(queue_name text) returns void
language plpgsql
as $$
begin
  execute format(
    'create table pgmq.%I (msg_id bigint primary key generated always as identity, '
    'read_ct int not null default 0, enqueued_at timestamptz not null default now(), '
    'vt timestamptz not null, message jsonb)',
    'q_' || queue_name
  );
  execute format(
    'create table pgmq.%I (msg_id bigint primary key, read_ct int not null default 0, '
    'enqueued_at timestamptz not null default now(), '
    'archived_at timestamptz not null default now(), vt timestamptz not null, message jsonb)',
    'a_' || queue_name
  );
end
$$;

create function pgmq.send(queue_name text, msg jsonb, delay integer default 0)
returns setof bigint
language plpgsql
as $$
begin
  return query execute format(
    'insert into pgmq.%I (vt, message) values (clock_timestamp() + $1, $2) returning msg_id',
    'q_' || queue_name
  ) using make_interval(secs => delay), msg;
end
$$;

create function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer default 0)
returns setof bigint
language plpgsql
as $$
begin
  return query execute format(
    'insert into pgmq.%I (vt, message) select clock_timestamp() + $1, unnest($2) returning msg_id',
    'q_' || queue_name
  ) using make_interval(secs => delay), msgs;
end
$$;

create function pgmq.read(queue_name text, vt integer, qty integer)
returns setof pgmq.message_record
language plpgsql
as $$
begin
  return query execute format(
    'update pgmq.%1$I as m set vt = clock_timestamp() + $1, read_ct = read_ct + 1 '
    'from (select msg_id from pgmq.%1$I where vt <= clock_timestamp() order by msg_id limit $2 '
    'for update skip locked) as due where m.msg_id = due.msg_id '
    'returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message',
    'q_' || queue_name
  ) using make_interval(secs => vt), qty;
end
$$;

create function pgmq.set_vt(queue_name text, msg_id bigint, vt integer)
returns setof pgmq.message_record
language plpgsql
as $$
begin
  return query execute format(
    'update pgmq.%I set vt = now() + $1 where msg_id = $2 '
    'returning msg_id, read_ct, enqueued_at, vt, message',
    'q_' || queue_name
  ) using make_interval(secs => vt), msg_id;
end
$$;

create function pgmq.delete(queue_name text, msg_id bigint) returns boolean
language plpgsql
as $$
declare
  gone bigint;
begin
  execute format(
    'delete from pgmq.%I where msg_id = $1 returning msg_id', 'q_' || queue_name
  ) using msg_id into gone;
  return gone is not null;
end
$$;

create function pgmq.delete(queue_name text, msg_ids bigint[]) returns setof bigint
language plpgsql
as $$
begin
  return query execute format(
    'delete from pgmq.%I where msg_id = any($1) returning msg_id', 'q_' || queue_name
  ) using msg_ids;
end
$$;

create function pgmq.archive(queue_name text, msg_id bigint) returns boolean
language plpgsql
as $$
declare
  kept bigint;
begin
  execute format(
    'with gone as (delete from pgmq.%I where msg_id = $1 returning *) '
    'insert into pgmq.%I (msg_id, read_ct, enqueued_at, vt, message) '
    'select msg_id, read_ct, enqueued_at, vt, message from gone returning msg_id',
    'q_' || queue_name, 'a_' || queue_name
  ) using msg_id into kept;
  return kept is not null;
end
$$;

create function pgmq.metrics(queue_name text) returns pgmq.metrics_result
language plpgsql
as $$
declare
  result pgmq.metrics_result;
begin
  execute format(
    'select $1, count(*), extract(epoch from now() - max(enqueued_at))::int, '
    'extract(epoch from now() - min(enqueued_at))::int, coalesce(max(msg_id), 0), now() '
    'from pgmq.%I',
    'q_' || queue_name
  ) using queue_name into result;
  return result;
end
$$;
