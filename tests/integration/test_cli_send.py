"""`messaging send`: what is handed over, what is refused, and following a message to its end."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from messaging.domain.job import JobId, Sid
from messaging.domain.receipt import Receipt
from messaging.local.process import wait_until
from messaging.postgres import messages
from messaging.runtime import Runtime
from tests.integration.command_line import CommandLine
from tests.integration.story import row, work

Database = Connection[TupleRow]
TO = ("--to", "+1 (415) 555-2671")


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def test_it_prints_the_id_and_nothing_else(messaging: CommandLine, db: Database) -> None:
    ran = messaging("send", *TO, "--body", "Hello")
    assert (0, "") == (ran.code, ran.err)
    job = row(db, UUID(ran.out.strip()))
    expected = ("pending", "+14155552671", "Hello")
    assert expected == (job.status, job.recipient_phone, job.message_content)


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        (("--expires-in", "10m"), 10),
        (("--expires-in", "10m", "--at", "+1h"), 70),
        (("--expires-at", "+30m"), 30),
    ],
)
def test_a_deadline_counts_from_when_the_text_is_to_be_sent(
    messaging: CommandLine, db: Database, words: tuple[str, ...], minutes: int
) -> None:
    ran = messaging("send", *TO, "--body", "Hello", *words)
    asked = "select expires_at - created_at from message_jobs where id = %s"
    row = db.execute(asked, [ran.out.strip()]).fetchone()
    assert row
    assert timedelta(minutes=minutes - 9) < row[0] <= timedelta(minutes=minutes)
    explained = messaging("explain", ran.out.strip()).out
    assert "It is not sent any more from" in explained


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--expires-in", "soon"), "is no length of time: write 10m, or 1h30m."),
        (("--expires-at", "soon"), "is no time"),
        (("--expires-in", "1h", "--expires-at", "+1h"), "give one of them."),
        (("--at", "+1h", "--expires-at", "+1h"), "expires_at must be after scheduled_for"),
    ],
)
def test_a_deadline_that_is_none_is_refused(
    messaging: CommandLine, words: tuple[str, ...], sentence: str
) -> None:
    code, said = messaging("send", *TO, "--body", "Hello", *words).error
    assert (2, True) == (code, sentence in said)


def test_every_option_reaches_the_row(messaging: CommandLine, db: Database) -> None:
    messaging("template", "put", "due", "--text", "{{ name }}, it is {{ day }}.")
    ran = messaging(
        *("send", *TO, "--template", "due", "--var", "name=Ada", "--var", "day=a=b"),
        *("--at", "+1h30m", "--priority", 7, "--key", "k1"),
        *("--media", "https://example.com/a.png", "--media", "https://example.com/b.png"),
    )
    found = db.execute(
        "select message_content, priority, idempotency_key, media_urls, status, "
        "scheduled_for - clock_timestamp() from message_jobs where id = %s",
        [ran.out.strip()],
    ).fetchone()
    assert found is not None
    *columns, ahead = found
    pictures = ["https://example.com/a.png", "https://example.com/b.png"]
    assert ["Ada, it is a=b.", 7, "k1", pictures, "scheduled"] == columns
    assert timedelta(minutes=89) < ahead <= timedelta(minutes=90)


def test_a_key_that_was_used_gives_the_first_id_again(messaging: CommandLine) -> None:
    words = ("send", *TO, "--body", "Hello", "--key", "k")
    first, second = messaging(*words, "--json").json, messaging(*words, "--json").json
    assert ("created", "duplicate") == (first["result"], second["result"])
    assert first["id"] == second["id"]
    assert "has been handed over before" in messaging(*words).err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--to", "12", "--body", "x"), "does not begin with + and a country code"),
        ((*TO, "--body", ""), "The text is empty: give a body, a template or media_urls."),
        ((*TO, "--body", "x" * 1601), "The body has 1,601 characters"),
        ((*TO, "--body", "x", "--template", "t"), "Both body and template are given"),
        ((*TO, "--template", "none"), "There is no template 'none'"),
        ((*TO, "--body", "x", "--var", "a=b"), "There are variables but no template"),
        ((*TO, "--body", "x", "--var", "a"), "--var 'a' is no pair: write NAME=VALUE."),
        ((*TO, "--body", "x", "--var", "a=1", "--var", "a=2"), "--var a is given twice"),
        ((*TO, "--body", "x", "--at", "tomorrow"), "--at 'tomorrow' is no time"),
        ((*TO, "--body", "x", "--at", "+"), "--at '+' is no time"),
        ((*TO, "--body", "x", "--at", "+99999999999d"), "is no time"),
        ((*TO, "--body", "x", "--at", "2026-11-25T09:00"), "has no time zone"),
        ((*TO, "--body", "x", "--priority", "101"), "priority must be a whole number"),
        ((*TO, "--body", "x", "--media", "cat.png"), "is no web address"),
        ((*TO, "--body", "x", "--key", ""), "idempotency_key has 0 characters"),
    ],
)
def test_what_cannot_become_a_message_is_refused(
    messaging: CommandLine, words: tuple[str, ...], expected: str
) -> None:
    ran = messaging("send", *words)
    assert (2, "") == (ran.code, ran.out)
    assert expected in ran.err


def test_waiting_ends_when_the_phone_has_it(
    messaging: CommandLine, rt: Runtime, db: Database
) -> None:
    with meanwhile(lambda: deliver(rt, db)):
        ran = messaging("send", *TO, "--body", "Hello", "--wait")
    assert 0 == ran.code
    assert ran.err.startswith("✓ The phone has it, ")
    assert "delivered" == row(db, UUID(ran.out.strip())).delivery_status


def test_waiting_ends_when_it_fails(messaging: CommandLine, rt: Runtime) -> None:
    with meanwhile(lambda: bool(work(rt).outcomes)):
        ran = messaging("send", "--to", "+15005550001", "--body", "Hello", "--wait", "--json")
    assert (4, "failed", 21211) == (ran.code, ran.json["status"], ran.json["error_code"])
    assert "+1500*****01" in ran.json["error"]


def test_waiting_ends_when_a_person_has_to_decide(messaging: CommandLine, db: Database) -> None:
    def hold() -> bool:
        held = "update message_jobs set status = %s where recipient_phone = '+14155552671'"
        return all(db.execute(held, [status]).rowcount for status in ("processing", "held"))

    with meanwhile(hold):
        ran = messaging("send", *TO, "--body", "Hello", "--wait")
    assert 4 == ran.code
    assert ran.err.startswith("✗ It waits for a person to decide.")


def test_waiting_is_given_up_when_the_time_is_over(messaging: CommandLine) -> None:
    ran = messaging("send", *TO, "--body", "Hello", "--wait", "--timeout", 0)
    assert 5 == ran.code
    assert "! No end after 0 s. It waits for its turn in the normal lane.\n" == ran.err


def deliver(rt: Runtime, db: Database) -> bool:
    """Sends what waits, and reports it delivered; whether there was anything."""
    if not work(rt).outcomes:
        return False
    (found,) = db.execute("select id, twilio_sid from message_jobs where status = 'sent'")
    receipt = Receipt(
        sid=Sid(found[1]), status="delivered", job_id=JobId(found[0]), error_code=None
    )
    messages.record_receipts(db, [receipt])
    return True


class meanwhile:  # noqa: N801 - it reads as the `with` statement that it is for
    """Does something beside the test as soon as it can be done."""

    def __init__(self, act: Callable[[], bool]) -> None:
        self._acted = False
        self._thread = threading.Thread(target=self._run, args=[act])

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        assert self._acted

    def _run(self, act: Callable[[], bool]) -> None:
        with capture_logs():  # events of a worker have no place in what the command says
            self._acted = wait_until(act, limit=20)
