"""Who may do what, with Supabase's roles: anonymous, a signed-in user, the service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from messaging import Draft, Messaging
from messaging.domain.job import JobId
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import messages
from messaging.postgres.migrate import migrate
from messaging.settings import load
from tests.integration.databases import Database, force, one, rolled_back, supabase
from tests.integration.story import TO, entries, insert, kinds

LATER = datetime(2090, 1, 1, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)
WATCHED = (
    "messaging.heartbeats", "messaging.watches", "messaging.alerts", "messaging.alert_notices",
)  # fmt: skip
TABLES = ("message_jobs", "message_templates", "messaging.message_events", *WATCHED)


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with supabase(postgres) as url:
        migrate(url)
        with psycopg.connect(url) as conn:
            conn.execute("insert into auth.users (id) values (%s), (%s)", [ANN, BOB])
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


@contextmanager
def signed_in(db: Database, role: str, user: UUID | None = None) -> Iterator[None]:
    """What PostgREST does for a request: the role of its token, and the token's claims."""
    with db.transaction(force_rollback=True):
        claims = {"role": role, **({"sub": str(user)} if user else {})}
        db.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
        db.execute(f"set local role {role}".encode())
        yield


def refused(db: Database, statement: str) -> bool:
    """Whether the role of the moment may not do this at all."""
    try:
        with db.transaction(force_rollback=True):
            db.execute(statement.encode())
    except errors.InsufficientPrivilege:
        return True
    return False


def test_nobody_is_signed_in_outside_of_a_request(db: Database) -> None:
    assert None is one(db, "select messaging.current_user_id()")
    for claims in ("", "{}"):
        db.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        assert None is one(db, "select messaging.current_user_id()")


@pytest.mark.parametrize(
    ("name", "value"),
    [("request.jwt.claim.sub", str(ANN)), ("request.jwt.claims", f'{{"sub": "{ANN}"}}')],
)
def test_a_request_says_who_is_signed_in(db: Database, name: str, value: str) -> None:
    db.execute("select set_config(%s, %s, true)", [name, value])
    assert ANN == one(db, "select messaging.current_user_id()")


@pytest.mark.parametrize("table", TABLES)
def test_the_anonymous_role_sees_and_changes_nothing(db: Database, table: str) -> None:
    insert(db)
    with signed_in(db, "anon"):
        assert refused(db, f"select from {table}")
        assert refused(db, f"delete from {table}")
        assert refused(db, f"insert into {table} default values")


def test_a_user_reads_only_its_own_messages(db: Database) -> None:
    ids = {user: insert(db, user_id=user) for user in (ANN, BOB, None)}
    for user in (ANN, BOB):
        with signed_in(db, "authenticated", user):
            assert [(ids[user],)] == db.execute("select id from message_jobs").fetchall()
    for stranger in (uuid4(), None):
        with signed_in(db, "authenticated", stranger):
            assert [] == db.execute("select id from message_jobs").fetchall()


def test_a_role_that_says_itself_who_is_signed_in_reads_nothing(db: Database) -> None:
    """PostgREST says it for its own role; whoever else may select sets the same setting."""
    insert(db, user_id=ANN)
    db.execute("create role analyst nologin")
    db.execute("grant select on message_jobs to analyst")
    db.execute("grant usage on schema messaging to analyst")
    db.execute("grant execute on function messaging.current_user_id to analyst")
    with signed_in(db, "analyst", ANN):
        assert 0 == one(db, "select count(*) from message_jobs")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into message_jobs (recipient_phone, message_content) values ('+1555555', 'a')",
        "update message_jobs set status = 'canceled'",
        "update message_jobs set user_id = messaging.current_user_id()",
        "delete from message_jobs",
        "truncate message_jobs cascade",
        "select from message_templates",
        "select from messaging.message_events",
        "select from messaging.schema_migrations",
        "select from messaging.sent_today",
        "select * from messaging.enqueue('[]')",
        "select from messaging.enqueue_prepared"
        "('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
        "select messaging.cancel(gen_random_uuid())",
        "select messaging.reschedule(gen_random_uuid(), now())",
        "select messaging.resolve(gen_random_uuid(), 'cancel')",
        "select messaging.resolve_as('Ann', gen_random_uuid(), 'cancel')",
        "select from messaging.held_messages",
        "select from messaging.dead_letters",
        "select messaging.replay(array[gen_random_uuid()])",
        "select messaging.replay_as('Ann', array[gen_random_uuid()])",
        "select messaging.discard_as('Ann', array[gen_random_uuid()], '{}')",
        "select messaging.put_back_as('Ann', 1)",
        "select messaging.release_keys('{}', '{}', '{}', '{}')",
        "select messaging.settle('[]')",
        f"select messaging.settle({', '.join(['null'] * 17)})",
        "select messaging.record_receipts('[]')",
        "select messaging.promote(1)",
        "select messaging.heartbeat('a', '{beat}', 0, '0')",
        *(f"select from {table}" for table in WATCHED),
    ],
)
def test_a_user_does_nothing_but_read(db: Database, statement: str) -> None:
    insert(db, user_id=ANN)
    with signed_in(db, "authenticated", ANN):
        assert refused(db, statement)


def test_no_function_of_ours_is_for_everybody_but_those_that_an_insert_calls(db: Database) -> None:
    """The default of a message's id, and the key of a queue entry in an index."""
    open_to = """
        select p.proname || ' for ' || coalesce(r.rolname, 'everybody')
        from pg_proc as p
        cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl
        left join pg_roles as r on r.oid = acl.grantee
        where
          p.pronamespace = 'messaging'::regnamespace
          and coalesce(r.rolname, '') not in ('messaging', 'service_role')
    """
    known = {"current_user_id for authenticated", "new_id for everybody", "turn_of for everybody"}
    assert known == {what for (what,) in db.execute(open_to.encode())}


def test_what_runs_as_the_owner_looks_for_nothing_where_its_caller_says(db: Database) -> None:
    """A fixed search_path, or a body whose names were looked up when it was made; the one function
    without either names the schema of all that it uses.
    """
    loose = """
        select proname from pg_proc
        where
          pronamespace = 'messaging'::regnamespace and prosecdef and prosqlbody is null
          and not coalesce(proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
    """
    assert {"note_template_version"} == {name for (name,) in db.execute(loose.encode())}


def test_row_level_security_is_on_for_every_table_that_others_may_reach(db: Database) -> None:
    for table in TABLES:
        on = "select relrowsecurity from pg_class where oid = %s::regclass"
        assert one(db, on, table)


def test_the_service_role_hands_over_cancels_and_reads(db: Database) -> None:
    with signed_in(db, "service_role"):
        bare = insert(db, user_id=ANN)
        insert(db, scheduled_for="2090-01-01 00:00:00+00")
        (answer,) = messages.enqueue(
            db, [{"recipient_phone": TO, "message_content": "Hello", "priority": 9}]
        )
        assert "created" == answer.result
        assert "rescheduled" == messages.reschedule(db, JobId(bare), LATER)
        assert "canceled" == messages.cancel(db, JobId(bare))
        assert ["rescheduled", "canceled"] == kinds(db, bare)
        assert 3 == one(db, "select count(*) from message_jobs")
        db.execute("reset role")
        assert [{"job_id": str(bare)}] == entries(db)
        assert [{"job_id": str(answer.id)}] == entries(db, "sms_priority_queue")


def test_the_service_role_hands_over_through_python(db: Database, url: str) -> None:
    drafts = [Draft(to=TO, body="Hello", idempotency_key="k") for _ in range(2)]
    with Messaging(load({"DATABASE_URL": url})) as outbox, signed_in(db, "service_role"):
        answers = outbox.enqueue_many(drafts, conn=db)
        assert ["created", "duplicate"] == [answer.result for answer in answers]


def test_the_service_role_hands_over_from_a_template_through_python(db: Database, url: str) -> None:
    """Also where somebody saves the template meanwhile, and what it was made of is written down."""
    db.execute("insert into message_templates (name, content_template) values ('a', 'b')")
    db.execute(
        "create function meanwhile() returns trigger language plpgsql security definer as $$ begin "
        "update public.message_templates set content_template = 'c'; return null; end $$"
    )
    db.execute(
        "create trigger meanwhile before insert on message_jobs for each statement "
        "execute function meanwhile()"
    )
    with Messaging(load({"DATABASE_URL": url})) as outbox, signed_in(db, "service_role"):
        outbox.enqueue(Draft(to=TO, template="a"), conn=db)
        made = one(db, "select (message_content, template_version) = ('b', 1) from message_jobs")
        assert made
        assert refused(db, "delete from messaging.template_versions")


def test_the_service_role_keeps_templates(db: Database) -> None:
    with signed_in(db, "service_role"):
        db.execute("insert into message_templates (name, content_template) values ('a', 'b')")
        db.execute("update message_templates set content_template = 'c'")
        draft = {"recipient_phone": TO, "template": "a"}
        assert ["created"] == [answer.result for answer in messages.enqueue(db, [draft])]
        assert refused(db, "delete from messaging.message_events")


def test_the_service_role_decides_about_what_is_held(db: Database) -> None:
    id = force(db, "held", user_id=ANN)
    db.execute("delete from pgmq.q_sms_queue")
    with signed_in(db, "service_role"):
        assert "pending" == one(db, "select messaging.resolve(%s, 'resend')", id)
        assert "service_role" == one(db, "select details ->> 'by' from messaging.message_events")
        db.execute("reset role")
        assert [{"job_id": str(id)}] == entries(db)


def test_the_service_role_sees_to_dead_letters_without_knowing_the_queues(db: Database) -> None:
    id = force(db, "failed", user_id=ANN)
    db.execute("insert into messaging.message_events (job_id, kind) values (%s, 'refused')", [id])
    entry = one(db, "select pgmq.send('sms_dlq', '{}')")
    with signed_in(db, "service_role"):
        assert refused(db, "select from pgmq.q_sms_dlq")
        assert 2 == one(db, "select count(*) from messaging.dead_letters")
        assert "replayed" == one(db, "select result from messaging.replay(array[%s]::uuid[])", id)
        discard = "select result from messaging.discard_as('Ann', '{}', array[%s]::bigint[])"
        assert "discarded" == one(db, discard, entry)
        assert 0 == one(db, "select count(*) from messaging.dead_letters")


def test_the_service_role_may_take_a_key_that_is_over(db: Database) -> None:
    draft = {"recipient_phone": TO, "message_content": "Hello", "idempotency_key": "k"}
    with signed_in(db, "service_role"):
        (first,) = messages.enqueue(db, [{**draft, "dedupe_window": 60}])
        db.execute(
            "update message_jobs set status = 'canceled', "
            "idempotency_expires_at = now() - interval '1 s'"
        )
        (second,) = messages.enqueue(db, [{**draft, "dedupe_window": 60}])
    assert ("created", "created") == (first.result, second.result)


@pytest.mark.parametrize(
    "view", ["sent_today", "failed_recently", "held_messages", "heartbeats", "alerts"]
)
def test_the_service_role_reads_the_dashboard(db: Database, view: str) -> None:
    with signed_in(db, "service_role"):
        assert not refused(db, f"select from messaging.{view}")


def test_a_message_of_a_user_that_is_not_there_is_refused(db: Database) -> None:
    stranger = str(uuid4())
    draft = {"recipient_phone": TO, "message_content": "Hello", "user_id": stranger}
    refused_one, created = messages.enqueue(db, [draft, {**draft, "user_id": str(ANN)}])
    assert ("refused", "created") == (refused_one.result, created.result)
    assert f'Key (user_id)=({stranger}) is not present in table "users".' in str(refused_one.reason)


def test_a_draft_of_a_user_that_is_not_there_is_refused_and_the_rest_are_not(
    db: Database, url: str
) -> None:
    stranger = uuid4()
    owners = [ANN] * 150 + [stranger] + [BOB] * 150
    drafts = [Draft(to=TO, body="Hello", user_id=owner) for owner in owners]
    with Messaging(load({"DATABASE_URL": url})) as outbox:
        answers = outbox.enqueue_many(drafts, conn=db)
    assert [151] == [answer.position for answer in answers if answer.result != "created"]
    assert f"Key (user_id)=({stranger}) is not present" in str(answers[150].reason)
    assert 300 == one(db, "select count(*) from message_jobs")


def test_a_role_with_no_more_than_insert_may_hand_messages_over(db: Database) -> None:
    db.execute("create role app nologin bypassrls")
    db.execute("grant insert on message_jobs to app")
    with db.transaction():
        db.execute("set local role app")
        db.execute(
            "insert into message_jobs (recipient_phone, message_content) values (%s, 'a')", [TO]
        )
        db.execute("reset role")
    assert 1 == len(entries(db))
