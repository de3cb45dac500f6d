"""After a restore: what Twilio has is recorded, what cannot be told apart is held."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from messaging import comparison, handover, promotion, runtime
from messaging.comparison import Wish
from messaging.domain.comparison import Comparison, Window
from messaging.domain.job import Lane
from messaging.errors import Refused, Unreachable
from messaging.local import clock
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Call, Kind, Rule
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.databases import Database, change
from tests.integration.restores import at_work, backup
from tests.integration.story import insert, kinds, row, work

OTHER = "+15555550101"
LATER = "2090-01-01 00:00:00+00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The database as it was before the sends."""

    rt: Runtime
    db: Database

    def compare(self, *, apply: bool = False, until: datetime | None = None) -> Comparison:
        """What comparing the last hour comes to."""
        window = Window(since=clock.now() - timedelta(hours=1), until=until)
        wish = Wish(window=window, apply=apply, by="Ann")
        with closing(comparison.compare(self.rt, wish)) as compared:
            assert sum(compared.result.found.values()) == len(list(compared.findings()))
            return compared.result

    def go_on(self) -> None:
        """Lets the workers send what the database wants sent now."""
        promotion.promote(self.rt)
        for lane in Lane:
            work(self.rt, lane)


Travel = Callable[[Callable[[Runtime, Database], None]], Restored]


@pytest.fixture
def travel(
    postgres: EmbeddedPostgres, environment: dict[str, str], database_url: str
) -> Iterator[Travel]:
    """Runs the present on the database, and gives back the database as it was before."""
    with _travels(postgres, environment, database_url) as make:
        yield make


@contextmanager
def _travels(postgres: EmbeddedPostgres, environment: dict[str, str], url: str) -> Iterator[Travel]:
    with ExitStack() as stack:

        def make(present: Callable[[Runtime, Database], None]) -> Restored:
            old = stack.enter_context(backup(postgres, url))
            with at_work(environment, url) as rt, psycopg.connect(url, autocommit=True) as db:
                present(rt, db)
            rt = stack.enter_context(at_work(environment, old))
            db = stack.enter_context(psycopg.connect(old, autocommit=True))
            return Restored(rt=rt, db=db)

        yield make


def before(url: str, **columns: object) -> UUID:
    """A job that was there before the backup."""
    with psycopg.connect(url, autocommit=True) as db:
        return insert(db, **columns)


def send_all(rt: Runtime, _: Database) -> None:
    promotion.promote(rt)
    for lane in Lane:
        work(rt, lane)


def found(compared: Comparison) -> Mapping[str, int]:
    """Those kinds of which there is any."""
    return {kind.value: number for kind, number in compared.found.items() if number}


def test_what_twilio_has_is_recorded_and_not_sent_again(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    ids = [before(database_url, message_content=f"n {n}", priority=n % 8) for n in range(12)]
    restored = travel(send_all)
    assert {"recorded": 12} == found(restored.compare())
    assert {"pending"} == {row(restored.db, id).status for id in ids}
    done = restored.compare(apply=True)
    assert 12 == sum(done.done.values())
    restored.go_on()
    by_body = {message.body: message.sid for message in twilio.ledger.outbound}
    assert 12 == len(twilio.ledger.outbound)
    for id in ids:
        job = row(restored.db, id)
        assert ("sent", by_body[job.message_content]) == (job.status, job.twilio_sid)
        assert ["reconciled"] == kinds(restored.db, id)
    assert {} == found(restored.compare(apply=True))


def test_a_bare_row_is_prepared_and_then_known(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    id = before(database_url, recipient_phone="+1 (555) 555-0100")
    restored = travel(send_all)
    assert (1, {"unknown": 1, "waiting": 1}) == (
        (dry := restored.compare()).bare,
        found(dry),
    )
    assert 0 == restored.compare(apply=True).bare
    restored.go_on()
    assert ("sent", 1) == (row(restored.db, id).status, len(twilio.ledger.outbound))


def test_a_text_whose_row_was_lost_is_told_and_nothing_is_invented(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    def present(rt: Runtime, db: Database) -> None:
        insert(db, message_content="lost")
        send_all(rt, db)

    restored = travel(present)
    assert {"unknown": 1} == found(restored.compare(apply=True))
    assert 0 == restored.db.execute("select count(*) from message_jobs").fetchall()[0][0]


def test_what_was_not_sent_goes_out(travel: Travel, database_url: str, twilio: Simulator) -> None:
    id = before(database_url)
    restored = travel(lambda rt, db: None)
    assert {"waiting": 1} == found(restored.compare(apply=True))
    restored.go_on()
    assert ("sent", 1) == (row(restored.db, id).status, len(twilio.ledger.outbound))


def test_two_alike_are_held(travel: Travel, database_url: str, twilio: Simulator) -> None:
    ids = [before(database_url), before(database_url)]
    restored = travel(send_all)
    assert {"held": 2, "unknown": 2} == found(restored.compare())
    restored.compare(apply=True)
    restored.go_on()
    assert 2 == len(twilio.ledger.outbound)
    for id in ids:
        assert ("held", ["held"]) == (row(restored.db, id).status, kinds(restored.db, id))


def test_one_sent_of_two_alike_is_held_as_both(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    ids = [before(database_url), before(database_url)]

    def present(rt: Runtime, db: Database) -> None:
        db.execute("select messaging.cancel(%s)", [ids[1]])
        send_all(rt, db)

    restored = travel(present)
    assert {"held": 2, "unknown": 1} == found(restored.compare(apply=True))
    restored.go_on()
    assert 1 == len(twilio.ledger.outbound)


def test_a_text_with_other_words_holds_what_waits_for_its_number(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    waits, elsewhere = before(database_url), before(database_url, recipient_phone=OTHER)

    def present(rt: Runtime, db: Database) -> None:
        db.execute("update message_jobs set message_content = 'altered' where id = %s", [waits])
        send_all(rt, db)

    restored = travel(present)
    assert {"recorded": 1, "held": 1, "unknown": 1} == found(restored.compare(apply=True))
    restored.go_on()
    assert ("held", "sent") == (
        row(restored.db, waits).status,
        row(restored.db, elsewhere).status,
    )
    assert 2 == len(twilio.ledger.outbound)


def test_a_reminder_of_next_week_is_not_taken_for_this_weeks(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    this, following = before(database_url), before(database_url, scheduled_for=LATER)
    restored = travel(send_all)
    assert {"recorded": 1} == found(restored.compare(apply=True))
    assert ("sent", "scheduled") == (
        row(restored.db, this).status,
        row(restored.db, following).status,
    )


def test_a_text_that_was_moved_to_an_earlier_time_is_held(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    id = before(database_url, scheduled_for=LATER)

    def present(rt: Runtime, db: Database) -> None:
        db.execute("select messaging.reschedule(%s, now())", [id])
        send_all(rt, db)

    restored = travel(present)
    assert {"held": 1, "unknown": 1} == found(restored.compare(apply=True))
    assert (
        "scheduled"
        == restored.db.execute("select messaging.resolve(%s, 'resend')", [id]).fetchall()[0][0]
    )


@pytest.mark.parametrize("status", ["retrying", "processing", "in_doubt", "held"])
def test_a_job_on_its_way_is_recorded_too(
    travel: Travel, database_url: str, twilio: Simulator, status: str
) -> None:
    id = before(database_url)
    restored = travel(send_all)
    change(restored.db, id, {"status": status, "attempt": 1, "claimed_at": "2026-01-01"})
    assert {"recorded": 1} == found(restored.compare(apply=True))
    assert "sent" == row(restored.db, id).status


def test_a_job_that_twilio_kept_for_later_is_kept_there(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    soon = clock.now() + timedelta(hours=2)
    id = before(database_url, scheduled_for=soon)

    def present(rt: Runtime, db: Database) -> None:
        with at_work_with_scheduling(rt) as scheduling:
            assert 1 == handover.hand_over(scheduling)

    restored = travel(present)
    assert {"recorded": 1} == found(restored.compare(apply=True))
    (sid,) = [message.sid for message in twilio.ledger.outbound]
    job = row(restored.db, id)
    assert ("scheduled", "scheduled", sid) == (job.status, job.delivery_status, job.twilio_sid)


@contextmanager
def at_work_with_scheduling(rt: Runtime) -> Iterator[Runtime]:
    scheduling = runtime.build(rt.settings.model_copy(update={"twilio_native_scheduling": True}))
    try:
        yield scheduling
    finally:
        scheduling.close()


def test_a_sid_that_twilio_does_not_have_is_told(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    gone, there = before(database_url, message_content="gone"), before(database_url)
    restored = travel(lambda rt, db: None)
    restored.go_on()
    sid = row(restored.db, gone).twilio_sid
    twilio.ledger.clear()
    compared = restored.compare()
    assert {"missing": 2} == found(compared)
    assert sid in {one.sid for group in compared.examples.values() for one in group}
    assert "sent" == row(restored.db, there).status


def test_a_list_that_is_not_whole_changes_nothing(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    id = before(database_url)
    restored = travel(send_all)
    twilio.faults.add(Rule(kind=Kind.REJECT, code=20003, call=Call.LIST))
    with pytest.raises(Unreachable, match="could not be read in full"):
        restored.compare(apply=True)
    assert ("pending", []) == (row(restored.db, id).status, kinds(restored.db, id))


def test_texts_after_the_window_are_left_alone(
    travel: Travel, database_url: str, twilio: Simulator
) -> None:
    before(database_url)
    restored = travel(send_all)
    assert {"waiting": 1} == found(restored.compare(until=clock.now() - timedelta(minutes=30)))


def test_many_pages_are_read(travel: Travel, database_url: str, twilio: Simulator) -> None:
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute(
            "insert into message_jobs (recipient_phone, message_content) "
            "select '+15555550100', 'n ' || n from generate_series(1, 1300) n"
        )

    def present(rt: Runtime, db: Database) -> None:
        for _ in range(14):
            work(rt)

    restored = travel(present)
    assert 1300 == len(twilio.ledger.outbound)
    compared = restored.compare(apply=True)
    assert ({"recorded": 1300}, 1300) == (found(compared), compared.seen)
    restored.go_on()
    assert 1300 == len(twilio.ledger.outbound)


def test_a_time_of_which_messages_are_deleted_is_not_compared(
    environment: dict[str, str],
) -> None:
    """A text whose row is deleted would be taken for one of those that wait."""

    def compare(days: int) -> None:
        window = Window(since=clock.now() - timedelta(days=days), until=None)
        comparison.compare(rt, Wish(window=window, apply=False)).close()

    with closing(runtime.build(load({**environment, "MESSAGING_KEEP_JOBS_DAYS": "30"}))) as rt:
        compare(29)
        with pytest.raises(Refused, match="deleted here after 30 days"):
            compare(31)
