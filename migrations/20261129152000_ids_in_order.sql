-- Ids in the order of time (RFC 9562, version 7): what is new lies side by side in the indexes, and only
-- their ends are written to. With random ids each text touched pages all over indexes that grow for years.

do $$
begin
  if to_regprocedure('pg_catalog.uuidv7()') is not null then
    create function messaging.new_id() returns uuid
    language sql
    volatile
    return uuidv7();
  else
    -- A random id (version 4), with the milliseconds since 1970 in its first six bytes, and 7 where its
    -- version stands.
    create function messaging.new_id() returns uuid
    language sql
    volatile
    return encode(
      set_bit(
        set_bit(
          overlay(
            uuid_send(gen_random_uuid())
            placing substring(
              int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3
            )
            from 1 for 6
          ),
          52, 1
        ),
        53, 1
      ),
      'hex'
    )::uuid;
  end if;
end
$$;
comment on function messaging.new_id() is
  'An id for a message: RFC 9562''s version 7, in the order of time.';

-- For everybody: who may insert a message calls it, and need not know of it.
alter table public.message_jobs alter column id set default messaging.new_id();

-- Both ways to hand over many at once choose the ids of those that come without one.
do $$
declare
  chooser regprocedure;
  written text;
begin
  for chooser in
    select p.oid
    from pg_proc as p
    where
      p.pronamespace = 'messaging'::regnamespace
      and p.proname in ('enqueue_together', 'enqueue_prepared')
      and p.prosrc like '%gen_random_uuid()%'
  loop
    written := pg_get_functiondef(chooser);
    execute replace(written, 'gen_random_uuid()', 'messaging.new_id()');
  end loop;
end
$$;
