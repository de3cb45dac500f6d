"""Whatever a database has forgotten: after a comparison, no message goes out twice."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging import comparison, promotion
from messaging.comparison import Wish
from messaging.domain.comparison import Window
from messaging.domain.job import Lane
from messaging.local import clock
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.simulator import Simulator
from messaging.runtime import Runtime
from tests.integration.databases import Database
from tests.integration.restores import at_work, backup
from tests.integration.story import insert, work

LATER = "2090-01-01 00:00:00+00"
NUMBERS = ("+15555550100", "+1 (555) 555-0101")


class Fate(StrEnum):
    """What the database has forgotten of a message."""

    SENT = "sent"
    CANCELED = "canceled"
    MOVED_AND_SENT = "moved"
    ALTERED_AND_SENT = "altered"
    LOST_AND_SENT = "lost"
    STILL_LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One message: to one of a few numbers, with one of a few bodies."""

    number: str
    body: str
    fate: Fate
    priority: int


PLANS = st.lists(
    st.builds(
        Plan,
        number=st.sampled_from(NUMBERS),
        body=st.sampled_from(("one", "two", "three")),
        fate=st.sampled_from(Fate),
        priority=st.sampled_from((0, 9)),
    ),
    min_size=1,
    max_size=8,
)


def put(db: Database, plan: Plan) -> UUID:
    later = plan.fate in (Fate.STILL_LATER, Fate.MOVED_AND_SENT)
    return insert(
        db,
        recipient_phone=plan.number,
        message_content=plan.body,
        priority=plan.priority,
        scheduled_for=LATER if later else None,
    )


def live(db: Database, id: UUID, fate: Fate) -> None:
    """What happens to it after the backup, but for being sent."""
    match fate:
        case Fate.CANCELED:
            db.execute("select messaging.cancel(%s)", [id])
        case Fate.MOVED_AND_SENT:
            db.execute("select messaging.reschedule(%s, now())", [id])
        case Fate.ALTERED_AND_SENT:
            db.execute("update message_jobs set message_content = 'x' where id = %s", [id])


def send_all(rt: Runtime) -> None:
    promotion.promote(rt)
    for lane in Lane:
        work(rt, lane)
        work(rt, lane)  # bare rows are prepared at the first look


def let_every_time_come(rt: Runtime) -> None:
    with rt.db.connection() as db:
        db.execute(
            "select messaging.reschedule(id, now()) from message_jobs where status = 'scheduled'"
        )


def compare(rt: Runtime) -> None:
    window = Window(since=clock.now() - timedelta(minutes=10))
    with closing(comparison.compare(rt, Wish(window=window, apply=True))):
        pass


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plans=PLANS)
def test_no_message_goes_out_twice_whatever_was_forgotten(
    postgres: EmbeddedPostgres,
    database_url: str,
    twilio: Simulator,
    environment: dict[str, str],
    plans: list[Plan],
) -> None:
    twilio.ledger.clear()
    # The ledger knows whose text it was by the callback's address; nobody listens there.
    environment = {**environment, "PUBLIC_BASE_URL": "http://127.0.0.1:9"}
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute("truncate message_jobs, pgmq.q_sms_queue, pgmq.q_sms_priority_queue cascade")
        kept = {put(db, plan): plan for plan in plans if plan.fate is not Fate.LOST_AND_SENT}
    with backup(postgres, database_url) as old:
        with psycopg.connect(database_url, autocommit=True) as db:
            for plan in plans:
                if plan.fate is Fate.LOST_AND_SENT:
                    put(db, plan)
            for id, plan in kept.items():
                live(db, id, plan.fate)
        with at_work(environment, database_url) as rt:
            send_all(rt)
        with at_work(environment, old) as rt:
            compare(rt)
            let_every_time_come(rt)
            send_all(rt)
            compare(rt)
            send_all(rt)
        expect_honest(old, twilio)
        twice = [id for id, texts in texts_by_job(twilio).items() if texts > 1]
        assert [] == [id for id in twice if not stands_for_a_twin(kept[UUID(id)], plans)]


def texts_by_job(twilio: Simulator) -> Counter[str]:
    return Counter(str(message.job) for message in twilio.ledger.outbound)


def stands_for_a_twin(moved: Plan, plans: list[Plan]) -> bool:
    """What docs/how-to/after-a-restore.md admits: its text was taken for that of a twin.

    It went out before the time that the database remembers, and another message with the same
    words to the same number, whose time it was, did not.
    """
    return moved.fate is Fate.MOVED_AND_SENT and any(
        (twin.number, twin.body) == (moved.number, moved.body)
        and twin.fate in (Fate.CANCELED, Fate.ALTERED_AND_SENT)
        for twin in plans
    )


def expect_honest(url: str, twilio: Simulator) -> None:
    """Every job that is called sent has a text of its own that says the same."""
    texts = {message.sid: message for message in twilio.ledger.outbound}
    with psycopg.connect(url) as db:
        rows = db.execute(
            "select status, twilio_sid, recipient_phone, message_content from message_jobs"
        ).fetchall()
    assert {"sent", "held"} >= {status for status, *_ in rows}
    for status, sid, phone, body in rows:
        if status == "sent":
            assert (phone, body) == (texts[sid].to, texts[sid].body)
