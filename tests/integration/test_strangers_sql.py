"""A role that may insert messages and no more: what the service writes, it does not write."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from tests.integration.databases import SID, Database, change, one, rolled_back
from tests.integration.story import TO, entries, insert

FORGED: dict[str, object] = {
    "prepared_at": "2020-01-01",
    "segments": 0,
    "retry_count": -9,
    "carrier_retries": 1,
    "attempt": 7,
    "claimed_at": "2020-01-01",
    "clean_reads": 2,
    "doubt_resends": -5,
    "handed_over_at": "2020-01-01",
    "recall": "cancel",
    "twilio_sid": SID,
    "sent_at": "2020-01-01",
    "delivery_status": "delivered",
    "delivered_at": "2020-01-01",
    "error_code": 21610,
    "error_details": Jsonb({"message": "forged"}),
    "idempotency_expires_at": "2020-01-01",
    "content_key": UUID(int=7),
    "acknowledged_at": "2020-01-01",
    "hurried_at": "2020-01-01",
    "zone_version": "forged",
    "template_version": 7,
    "opt_out_line": "forged",
    "created_at": "1999-01-01",
    "updated_at": "1999-01-01",
    "due_at": "2090-01-01",
}
"""Every column that only the service writes, with a value that no new message has."""
GIVEN = {
    "id", "user_id", "recipient_phone", "message_content", "template_id", "template_vars", "status",
    "scheduled_for", "priority", "max_retries", "metadata", "media_urls", "idempotency_key",
    "retry_of", "in_doubt_policy", "expires_at", "category", "time_zone", "local_time",
    "max_carrier_retries",
}  # fmt: skip
"""The columns that a caller gives."""


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """With the role of docs/reference/sql.md, which may insert, and one that may do all but is
    held by row level security."""
    with rolled_back(database_url) as conn:
        conn.execute("create role shop")
        conn.execute("create role tenant")
        conn.execute("grant insert on message_jobs to shop")
        conn.execute("grant select, insert, update on message_jobs to tenant")
        conn.execute("grant usage on schema messaging to tenant")
        conn.execute("grant execute on function messaging.current_user_id to tenant")
        for role in ("shop", "tenant"):
            conn.execute(
                f"create policy {role}_inserts on message_jobs for insert to {role} "
                "with check (true)".encode()
            )
        yield conn


@contextmanager
def acting(db: Database, role: str) -> Iterator[None]:
    """As this role until the block ends; what is refused is undone."""
    with db.transaction():
        db.execute(f"set local role {role}".encode())
        yield
        db.execute("reset role")


def hand_over(db: Database, role: str, **columns: object) -> UUID:
    """A bare insert of the role, which may not read what it wrote; the id of the row."""
    id = UUID(int=one(db, "select nextval('pgmq.q_sms_queue_msg_id_seq')"))  # type: ignore[arg-type]
    values = {"id": id, "recipient_phone": TO, "message_content": "Hello", **columns}
    places = ", ".join(f"%({name})s" for name in values)
    statement = f"insert into message_jobs ({', '.join(values)}) values ({places})"
    with acting(db, role):
        db.execute(statement.encode(), values)
    return id


def columns_of(db: Database, id: UUID, names: list[str]) -> dict[str, object]:
    """The values of these columns; times of now as `now`."""
    cast = ", ".join(
        f"case when {name}::text = now()::text then 'now' else {name}::text end" for name in names
    )
    row = db.execute(f"select {cast} from message_jobs where id = %s".encode(), [id]).fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def test_every_column_is_either_the_callers_or_the_services(db: Database) -> None:
    found = db.execute(
        "select attname from pg_attribute "
        "where attrelid = 'message_jobs'::regclass and attnum > 0 and not attisdropped"
    )
    assert GIVEN | FORGED.keys() == {name for (name,) in found}


@pytest.mark.parametrize("role", ["shop", "tenant"])
def test_what_it_forges_counts_for_nothing(db: Database, role: str) -> None:
    names = sorted(FORGED.keys() - {"due_at"})
    plain = columns_of(db, insert(db), names)
    forged = hand_over(db, role, **FORGED)
    assert plain == columns_of(db, forged, names)
    assert one(
        db, "select due_at < now() + interval '1 minute' from message_jobs where id = %s", forged
    )


@pytest.mark.parametrize("status", ["sent", "failed", "canceled", "held", "processing"])
def test_it_makes_no_history(db: Database, status: str) -> None:
    with pytest.raises(errors.CheckViolation, match=r"cannot be|pending or scheduled, not"):
        hand_over(db, "shop", status=status, twilio_sid=SID)
    assert 0 == one(db, "select count(*) from message_jobs")


def test_whoever_may_update_all_imports_history(db: Database) -> None:
    db.execute("create role importer bypassrls")
    db.execute("grant insert, update on message_jobs to importer")
    id = hand_over(db, "importer", status="sent", twilio_sid=SID, created_at="1999-01-01")
    expected = {"status": "sent", "twilio_sid": SID}
    assert expected == columns_of(db, id, ["status", "twilio_sid"])


@pytest.mark.parametrize("role", ["shop", "tenant"])
def test_it_cannot_stop_another_message_from_being_sent_again(db: Database, role: str) -> None:
    """A carrier's failure is repeated unless a message names it in retry_of."""
    other = insert(db)
    with pytest.raises(errors.CheckViolation, match=f"names a message that {role} may not read"):
        hand_over(db, role, retry_of=other, carrier_retries=1)
    change(
        db,
        other,
        {
            "status": "sent",
            "twilio_sid": SID,
            "delivery_status": "undelivered",
            "error_code": 30003,
            "prepared_at": "2020-01-01",
        },
    )
    again = "select count(*) from messaging.retry_undelivered(array[%s], array[interval '0'], 3)"
    assert 1 == one(db, again, SID)


def test_it_may_repeat_what_it_may_read(db: Database) -> None:
    db.execute("create policy tenant_reads on message_jobs for select to tenant using (true)")
    first = insert(db)
    id = hand_over(db, "tenant", retry_of=first, carrier_retries=1)
    expected = {"retry_of": str(first), "carrier_retries": "0"}
    assert expected == columns_of(db, id, ["retry_of", "carrier_retries"])


def test_its_own_functions_and_operators_change_nothing(db: Database) -> None:
    """A function that is not told where to look finds what the inserting role put first."""
    db.execute("create schema trap authorization shop")
    with acting(db, "shop"):
        db.execute(
            "create function trap.yes(text, text) returns boolean language sql as 'select false';"
            "create operator trap.= (function = trap.yes, leftarg = text, rightarg = text);"
            "create function trap.has_table_privilege(oid, text) returns boolean "
            "language sql as 'select true';"
            "create function trap.row_security_active(oid) returns boolean "
            "language sql as 'select false';"
            "set local search_path = trap, pg_catalog, public"
        )
        refused = pytest.raises(errors.CheckViolation, match="pending or scheduled, not processing")
        with refused, db.transaction():
            db.execute(
                "insert into public.message_jobs (recipient_phone, message_content, status) "
                "values (%s, 'Hello', 'processing')",
                [TO],
            )
        db.execute(
            "insert into public.message_jobs (recipient_phone, message_content, prepared_at) "
            "values (%s, 'Hello', now())",
            [TO],
        )
    assert None is one(db, "select prepared_at from message_jobs")
    assert 1 == len(entries(db))
