"""`held`, `resolve`, `reconcile`: what waits for a person, and what the person does about it."""

import csv
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.answers import Canceling, Outgoing
from messaging.domain.job import JobId, Phone, Sid
from messaging.local import clock
from messaging.local.ports import any_free
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.runtime import Runtime
from tests.integration.command_line import NOBODY, CommandLine
from tests.integration.databases import SID, change, force, one
from tests.integration.restores import at_work, backup
from tests.integration.story import TO, entries, insert, kinds, row, work

Database = Connection[TupleRow]


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def held_at_twilio(rt: Runtime, db: Database, twilio: Simulator, **columns: object) -> UUID:
    """A held job whose text Twilio has."""
    twilio.faults.add(Rule(kind=Kind.RESET_AFTER))
    id = insert(db, in_doubt_policy="hold", **columns)
    work(rt)
    twilio.faults.clear()
    assert "held" == row(db, id).status
    return id


def journal(messaging: CommandLine, id: UUID) -> Sequence[str]:
    return [line["text"] for line in messaging("explain", id, "--json").json["journal"]]


def test_nothing_held_is_said(messaging: CommandLine) -> None:
    ran = messaging("held")
    assert (0, "No message waits for a person.\n") == (ran.code, ran.out)
    assert {"messages": [], "total": 0} == messaging("held", "--json").json


def test_what_waits_for_a_person_is_listed_with_the_reason_and_what_to_do(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    held = held_at_twilio(rt, db, twilio)
    long = force(db, "in_doubt", updated_at=clock.now() - timedelta(minutes=11))
    force(db, "in_doubt")
    listed = messaging("held", "--json").json
    assert (2, [str(long), str(held)]) == (
        listed["total"],
        [each["id"] for each in listed["messages"]],
    )
    in_doubt, waits = listed["messages"]
    assert ("+1555*****00", 1) == (waits["to"], waits["attempt"])
    assert waits["reason"].startswith("Held for a person: ")
    assert "messaging resolve ID --sent SID" in waits["next"]
    assert "The worker did not come back." == in_doubt["reason"]
    assert in_doubt["next"].startswith("Twilio is asked again at ")
    assert str(held) in messaging("held").out
    assert TO not in messaging("held").out
    assert TO in messaging("held", "--full").out


def test_more_than_fit_are_counted(messaging: CommandLine, db: Database) -> None:
    for _ in range(101):
        force(db, "held")
    ran = messaging("held")
    assert "And 1 message more.\n" == ran.err
    assert (100, 101) == (
        len((listed := messaging("held", "--json").json)["messages"]),
        listed["total"],
    )


def test_a_text_that_twilio_has_is_recorded_with_its_status(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = held_at_twilio(rt, db, twilio)
    (sent,) = twilio.ledger.outbound
    ran = messaging("resolve", id, "--sent", sent.sid, "--by", "Ann", "--json")
    assert {"id": str(id), "result": "sent", "status": "sent", "twilio_sid": sent.sid} == ran.json
    job = row(db, id)
    assert job.delivery_status in ("accepted", "queued", "sent", "delivered")
    assert ["settled", "resolved", "receipt"] == kinds(db, id)
    assert f"Ann decided that Twilio has it ({sent.sid})." == journal(messaging, id)[3]
    assert 0 == messaging("resolve", id, "--sent", sent.sid).code


@pytest.mark.parametrize(
    ("option", "said", "status", "told"),
    [
        (
            "--resend",
            "It is sent again, within seconds.",
            "pending",
            "Ann decided that it did not go out, and had it sent again.",
        ),
        (
            "--cancel",
            "It is canceled, and is not sent.",
            "canceled",
            "Ann decided that it is not sent.",
        ),
    ],
)
def test_a_held_text_is_sent_again_or_dropped(
    messaging: CommandLine, db: Database, option: str, said: str, status: str, told: str
) -> None:
    id = force(db, "held")
    db.execute("delete from pgmq.q_sms_queue")
    ran = messaging("resolve", id, option, "--by", "Ann")
    assert (0, f"✓ {said}\n") == (ran.code, ran.err)
    assert (status, int(status == "pending")) == (row(db, id).status, len(entries(db)))
    assert told == journal(messaging, id)[-1]


def test_without_a_name_it_is_this_users(messaging: CommandLine, db: Database) -> None:
    messaging.set(LOGNAME="ann")
    id = force(db, "held")
    messaging("resolve", id, "--cancel")
    assert "ann" == one(db, "select details ->> 'by' from messaging.message_events")


def test_what_a_person_may_do_is_explained(messaging: CommandLine, db: Database) -> None:
    id = force(db, "held", error_details={"message": "In doubt: policy hold."})
    told = messaging("explain", id, "--json").json["standing"]
    assert "doubt" == told["tone"]
    assert told["text"].startswith(
        "It waits for a person to decide. The reason: In doubt: policy hold. Look the number up"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Decide one thing: --sent SID, --resend or --cancel."),
        (["--resend", "--cancel"], "Decide one thing: --sent SID, --resend or --cancel."),
        (["--sent", SID, "--resend"], "Decide one thing: --sent SID, --resend or --cancel."),
        (["--resend", "--unchecked"], "--unchecked is about the SID of --sent: leave it out."),
        (["--cancel", "--by", " "], "--by takes a name of 1 to 100 characters: who decides?"),
        (["--cancel", "--by", "x" * 101], "--by takes a name of 1 to 100 characters: who decides?"),
        (["--sent", ""], "--sent takes Twilio's SID of the text."),
        (["--sent", "", "--unchecked"], "--sent takes Twilio's SID of the text."),
        (
            ["--sent", "SM1"],
            "--sent takes Twilio's SID of a message: SM or MM and 32 hexadecimal digits.",
        ),
        (
            ["--sent", SID],
            "Twilio has no message with that SID: check it, and TWILIO_ACCOUNT_SID.",
        ),
    ],
)
def test_what_is_no_decision_changes_nothing(
    messaging: CommandLine, db: Database, words: list[str], sentence: str
) -> None:
    id = force(db, "held")
    assert (2, sentence) == messaging("resolve", id, *words).error
    assert ("held", []) == (row(db, id).status, kinds(db, id))


def test_a_message_that_is_not_there_is_told(messaging: CommandLine) -> None:
    for words in (["--resend"], ["--sent", SID]):
        assert (3, f"There is no message {NOBODY}.") == messaging("resolve", NOBODY, *words).error


def test_what_is_not_held_is_not_decided_about(messaging: CommandLine, db: Database) -> None:
    id = insert(db)
    ran = messaging("resolve", id, "--resend")
    assert (4, "") == (ran.code, ran.out)
    assert ran.err.startswith("✗ It is pending: this cannot be decided any more, or not yet.")
    assert "not_held" == messaging("resolve", id, "--resend", "--json").json["result"]


def test_a_sid_of_a_text_to_another_number_is_refused(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    insert(db, recipient_phone="+15555550101")
    work(rt)
    (other,) = twilio.ledger.outbound
    id = force(db, "held")
    code, said = messaging("resolve", id, "--sent", other.sid).error
    assert (2, True) == (code, said.startswith("That SID is of a text to another number"))
    db.execute("update message_jobs set recipient_phone = '+15555550101' where id = %s", [id])
    ran = messaging("resolve", id, "--sent", other.sid)
    assert (2, "Another message has that SID: look for the text of this one.") == ran.error
    assert "held" == row(db, id).status


def test_a_text_that_was_canceled_at_twilio_was_not_sent(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    text = Outgoing(
        job_id=JobId(insert(db)),
        attempt=1,
        to=Phone(TO),
        body="Hello",
        send_at=clock.now() + timedelta(hours=1),
        write_before=rt.monotonic() + 60,
    )
    list(rt.twilio.send([text]))
    (kept,) = twilio.ledger.outbound
    assert [Canceling.CANCELED] == rt.twilio.cancel([Sid(kept.sid)])
    code, said = messaging("resolve", force(db, "held"), "--sent", kept.sid).error
    assert (2, True) == (code, said.startswith("That text was canceled at Twilio"))


def test_a_bare_number_is_compared_as_twilio_writes_it(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = held_at_twilio(rt, db, twilio)
    change(db, id, {"recipient_phone": "+1 (555) 555-0100"})
    assert 0 == messaging("resolve", id, "--sent", twilio.ledger.outbound[0].sid).code


def test_a_silent_twilio_is_not_believed_and_may_be_left_out(
    messaging: CommandLine, db: Database
) -> None:
    messaging.set(TWILIO_API_BASE_URL=f"http://127.0.0.1:{any_free()}")
    id = force(db, "held")
    code, said = messaging("resolve", id, "--sent", SID).error
    assert (1, True) == (code, said.startswith("Nothing is changed, because Twilio did not say"))
    assert "--unchecked" in said
    assert "held" == row(db, id).status
    assert 0 == messaging("resolve", id, "--sent", SID, "--unchecked").code
    assert ("sent", SID) == (row(db, id).status, row(db, id).twilio_sid)


def test_a_restore_is_looked_at_first_and_then_made_good(
    messaging: CommandLine,
    postgres: EmbeddedPostgres,
    environment: dict[str, str],
    database_url: str,
    twilio: Simulator,
    tmp_path: Path,
) -> None:
    with psycopg.connect(database_url, autocommit=True) as db:
        for body in ("once", "alike", "alike"):
            insert(db, message_content=body, recipient_phone="+15555550100")
    with backup(postgres, database_url) as old:
        with at_work(environment, database_url) as rt, rt.db.connection() as db:
            db.autocommit = True
            insert(db, message_content="lost", recipient_phone="+15555550109")
            work(rt)
        assert 4 == len(twilio.ledger.outbound)
        messaging.set(DATABASE_URL=old)

        expected = {"recorded": 1, "held": 2, "unknown": 3, "missing": 0, "waiting": 0}
        looked = messaging("reconcile", "--since", "-10m", "--json").json
        assert (expected, {}, False, 4) == (
            looked["found"],
            looked["done"],
            looked["applied"],
            looked["seen"],
        )
        assert "3" == messaging("queues").out.split("pending")[1].split()[0]

        report = tmp_path / "found.csv"
        ran = messaging(
            "reconcile", "--since", "-10m", "--apply", "--by", "Ann", "--report", report
        )
        assert (0, True) == (
            ran.code,
            ran.err.endswith("✓ 1 recorded as sent, 2 held: `messaging held` lists those.\n"),
        )
        assert "+15555550109" not in ran.out
        assert "+1555*****09" in ran.out
        with report.open(encoding="utf-8", newline="") as file:
            kinds_found = [line["found"] for line in csv.DictReader(file)]
        assert ["recorded", "held", "held", "unknown", "unknown", "unknown"] == kinds_found

        first, second = messaging("held", "--json").json["messages"]
        assert first["reason"].startswith("Twilio has a text that says the same")
        assert (
            "Ann compared it with Twilio, and it is held for a person: Twilio has a text that says "
            "the same, and which message it is cannot be told."
        ) == journal(messaging, second["id"])[-1]
        with at_work(environment, old) as rt:
            work(rt)
        assert 4 == len(twilio.ledger.outbound)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--since", "soon"], "--since 'soon' is no time"),
        (["--since", "+1h"], "--since '+1h' is still to come: give a time that was."),
        (["--since", "-1h", "--until", "-2h"], "--until must be later than --since."),
        (["--since", "-1x"], "--since '-1x' is no time: write"),
        (["--since", "-1h", "--report", "/nowhere/found.csv"], "The report /nowhere/found.csv"),
    ],
)
def test_a_window_that_is_none_is_refused(
    messaging: CommandLine, words: list[str], sentence: str
) -> None:
    code, said = messaging("reconcile", *words).error
    assert (2, sentence) == (code, said[: len(sentence)])


def test_rows_that_are_not_prepared_are_told(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    held_at_twilio(rt, db, twilio)
    insert(db, recipient_phone="(555) 555-0100", scheduled_for=clock.now() + timedelta(days=1))
    insert(db, recipient_phone="(555) 555-0101")
    said = messaging("reconcile", "--since", "-1h").err
    assert "! 1 row cannot be compared yet: --apply prepares them first." in said
    assert 1 == messaging("reconcile", "--since", "-1h", "--json").json["not_prepared"]


def test_what_changes_meanwhile_is_left_and_told(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = held_at_twilio(rt, db, twilio)
    db.execute(
        "create function moved() returns trigger language plpgsql as "
        "$$ begin new.attempt := new.attempt + 1; return null; end $$"
    )
    db.execute(
        "create trigger moved before update on message_jobs for each row execute function moved()"
    )
    ran = messaging("reconcile", "--since", "-1h", "--apply")
    assert 4 == ran.code
    assert "✗ Changed while this ran, and left as it is: 1 message." in ran.err
    assert "held" == row(db, id).status
