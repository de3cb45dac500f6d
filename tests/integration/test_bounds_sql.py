"""What no message needs is refused in a sentence, whichever way it comes; and what is there already
holds nobody up."""

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from messaging import upkeep
from messaging.commands.exits import ExitCode
from messaging.postgres import connect, messages
from messaging.runtime import Runtime
from tests.integration.command_line import CommandLine
from tests.integration.databases import Database, change, one
from tests.integration.story import TO, insert, row, work

HUGE = "1" * 2_000_000
SIZES: dict[str, object] = {
    "recipient_phone": "+" + "1" * 500,
    "time_zone": "Europe/" + "x" * 100,
    "idempotency_key": "k" * 1021,
    "metadata": Jsonb({"a": "x" * 100_000}),
    "template_vars": Jsonb({"a": "x" * 100_000}),
    "media_urls": ["https://example.com/" + "x" * 100_000],
}
FAR = ("infinity", "-infinity", "0044-03-15 BC", "9999-06-01", "290000-01-01", "1969-12-31")
TIMES = ("scheduled_for", "expires_at", "created_at", "sent_at", "delivered_at")


@pytest.fixture
def command(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line for this test's database."""
    return CommandLine(environment, monkeypatch, capsys)


@pytest.mark.parametrize("column", SIZES)
def test_a_row_that_is_too_large_is_refused_with_its_reason(db: Database, column: str) -> None:
    with pytest.raises(errors.CheckViolation, match=f"^{column} (has|have) more than"):
        insert(db, **{column: SIZES[column]})
    insert(db)
    with pytest.raises(errors.CheckViolation, match=f"^{column} (has|have) more than"):
        db.execute(f"update message_jobs set {column} = %s".encode(), [SIZES[column]])


def test_a_row_may_be_as_large_as_is_said(db: Database) -> None:
    large = Jsonb({"a": "x" * 99_990})
    urls = ["https://example.com/" + "x" * 2028] * 10
    insert(db, metadata=large, media_urls=urls, idempotency_key="é" * 255)
    assert 1 == one(db, "select count(*) from message_jobs")


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("column", TIMES)
def test_a_row_with_a_time_that_no_client_reads_is_refused(
    db: Database, column: str, far: str
) -> None:
    with pytest.raises(errors.CheckViolation, match=f"^{column} must be between the years"):
        insert(db, **{column: far})


@pytest.mark.parametrize("far", FAR)
def test_no_message_is_moved_to_such_a_time(db: Database, far: str) -> None:
    id = insert(db, scheduled_for="2090-01-01 00:00:00+00")
    with pytest.raises(errors.CheckViolation, match=r"^scheduled_for must be between the years"):
        db.execute("select messaging.reschedule(%s, %s)", [id, far])


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("field", ["scheduled_for", "expires_at", "local_time"])
def test_a_draft_with_such_a_time_is_refused(db: Database, field: str, far: str) -> None:
    zone = {"time_zone": "Europe/Berlin"} if field == "local_time" else {}
    draft = {"recipient_phone": TO, "message_content": "Hello", field: far, **zone}
    (answer,) = messages.enqueue(db, [draft])
    assert "refused" == answer.result
    assert str(answer.reason).startswith(f"{field} must be between the years")


@pytest.mark.parametrize(
    "field",
    ["recipient_phone", "time_zone", "idempotency_key", "template", "template_id", "user_id",
     "priority", "scheduled_for", "expires_in", HUGE],
)  # fmt: skip
def test_a_huge_draft_is_refused_in_few_words_and_the_next_is_not(db: Database, field: str) -> None:
    good = {"recipient_phone": TO, "message_content": "Hello"}
    bad, created = messages.enqueue(db, [{**good, field: HUGE}, good])
    assert ("refused", "created") == (bad.result, created.result)
    assert len(str(bad.reason)) <= 500


def test_a_huge_number_is_measured_before_it_is_read(db: Database) -> None:
    """To look for its digits takes ten times as long as to read it."""
    drafts = [{"message_content": "Hello", "dedupe_window": 60, "recipient_phone": "x" * 2_000_000}]
    (answer,) = messages.enqueue(db, drafts)
    assert "recipient_phone has more than 500 bytes: no phone number is that long" == answer.reason


@pytest.mark.parametrize("far", ["infinity", "-infinity", "0044-03-15 BC"])
def test_rows_from_before_with_such_times_hold_nobody_up(
    rt: Runtime, db: Database, command: CommandLine, far: str
) -> None:
    old = insert(db, recipient_phone="+15555550111")
    change(db, old, dict.fromkeys([*TIMES, "due_at", "claimed_at"], far) | {"status": "sent"})
    new = insert(db)
    upkeep.sweep(rt)
    assert 1 == work(rt).outcomes["sent"]
    assert "sent" == row(db, new).status
    nearest = "0001-01-03" if far != "infinity" else "9999-12-29"
    assert command("show", old, "--json").json["created_at"].startswith(nearest)
    for words in (["show"], ["explain"], ["explain", "--json"]):
        assert ExitCode.OK == command(words[0], old, *words[1:]).code
    db.execute("update message_jobs set recipient_phone = %s where id = %s", [TO, old])


def test_a_caller_sees_such_a_time_as_the_nearest(database_url: str) -> None:
    with psycopg.connect(database_url, **connect.OPTIONS) as conn:
        read = conn.execute(
            "select 'infinity'::timestamptz, '-infinity'::timestamp, '0044-03-15 BC'::date, "
            "'290000-01-01'::timestamp, '2026-01-01 12:00+02'::timestamptz"
        ).fetchone()
    assert read is not None
    assert (
        datetime(9999, 12, 29, tzinfo=UTC),
        datetime(1, 1, 3),
        datetime(1, 1, 3, tzinfo=UTC).date(),
        datetime(9999, 12, 29),
        datetime(2026, 1, 1, 10, tzinfo=UTC),
    ) == read
