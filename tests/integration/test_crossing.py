"""STOP and START at the same moment, and a STOP that crosses what is handed over and claimed."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Event
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging import Draft, Messaging, delivery, optout, runtime
from messaging.domain.consent import Consent, last_word
from messaging.domain.inbound import Inbound, of_webhook
from messaging.domain.job import Lane, Phone
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.postgres import consent
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.story import TO, insert, row, take, work
from tests.integration.test_web_inbound import text
from tests.integration.web_server import PUBLIC, TOKEN, Web, web_process

Database = Connection[TupleRow]
PHONE = Phone(TO)
OUT, IN = Consent.OPTED_OUT, Consent.OPTED_IN
PROOF = {"ticket": "4711"}
LEASE = timedelta(seconds=45)
PAIRS = 12
ROUNDS = 4
_PACE = 0.01
"""Seconds between two texts that are handed over, so that the queue stays short."""
ENOUGH = 3
"""Texts that are handed over and ended while nothing may go out."""


@pytest.fixture
def web(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        DATABASE_URL=database_url,
        TWILIO_AUTH_TOKEN=TOKEN,
        PUBLIC_BASE_URL=PUBLIC,
    ) as process:
        yield process


def said(db: Database, phone: Phone = PHONE) -> list[str | None]:
    """What the ledger tells, in its order."""
    return [one.state for one in consent.story(db, phone) if one.kind == "consent"]


def word(db: Database, phone: Phone = PHONE) -> Consent | None:
    return last_word(consent.standings(db, [phone]).said.get(phone, ()), "transactional")


def heard(rt: Runtime, body: str, sid: str) -> Inbound:
    form = [("MessageSid", sid), ("From", TO), ("To", "+15005550006"), ("Body", body)]
    return of_webhook(form, rt.settings.keywords)


def start(rt: Runtime, conn: Database, number: int = 1) -> None:
    """What the webhook of a START writes, in the connection's transaction."""
    texts = Jsonb([consent.row_of(heard(rt, "START", f"SM{number:032x}"))])
    conn.execute("select messaging.record_inbound(%s)", [texts]).fetchall()


def begin(rt: Runtime) -> None:
    """The first commit of a STOP."""
    optout.begin(rt, PHONE, "operator", PROOF, "ann")


def test_webhooks_that_come_together_are_both_told_and_the_last_of_the_ledger_counts(
    web: Web, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    phones = [Phone(f"+1415555{number:04}") for number in range(2000, 2000 + PAIRS)]
    posts = [(phone, body) for phone in phones for body in ("STOP", "START")]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda post: text(web, *post).status, posts))
    assert {200} == set(answers)
    for phone in phones:
        ledger = said(db, phone)
        assert {OUT, IN} == set(ledger)
        assert (2, word(db, phone)) == (len(ledger), ledger[-1])
        insert(db, recipient_phone=phone)
    assert [] == db.execute("select from messaging.stopping").fetchall()
    work(rt)
    assert {phone for phone in phones if word(db, phone) is IN} == {
        message.to for message in twilio.ledger.outbound
    }


def test_a_start_within_a_stop_is_the_later_one(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """The STOP waits for a text that is under way, and the START comes meanwhile."""
    insert(db)
    hints = take(rt)
    twilio.faults.add(Rule(kind=Kind.HANG_BEFORE))
    with ThreadPoolExecutor(4) as pool:
        sending = pool.submit(delivery.deliver, rt, Lane.NORMAL, hints)
        assert wait_until(lambda: bool(twilio.holds.held), limit=10)
        begin(rt)
        stopping = pool.submit(optout.carry_out, rt, PHONE)
        assert OUT is word(db)
        start(rt, db)
        assert ([OUT, IN], IN) == (said(db), word(db))
        twilio.release()
        assert ({"sent": 1}, 0) == (dict(sending.result().outcomes), stopping.result())
    assert ([OUT, IN], IN) == (said(db), word(db)), "the STOP is not written again"


@pytest.mark.parametrize(("before", "ledger"), [(True, [IN, OUT]), (False, [OUT, IN])])
def test_a_start_that_is_not_committed_yet_is_waited_for(
    rt: Runtime, db: Database, database_url: str, before: bool, ledger: list[Consent]
) -> None:
    """It begins before the STOP, and says it before or after the STOP's first commit."""
    with psycopg.connect(database_url) as starting, ThreadPoolExecutor(4) as pool:
        starting.execute("select pg_current_xact_id()")
        if before:
            start(rt, starting)
        begin(rt)
        stopping = pool.submit(optout.carry_out, rt, PHONE)
        assert not consent.is_quiet(db, PHONE, consent.horizon(db), LEASE)
        assert not stopping.done()
        if not before:
            start(rt, starting)
        starting.commit()
        stopping.result()
    assert (ledger, ledger[-1]) == (said(db), word(db))


def test_a_text_that_is_handed_over_across_a_stop_does_not_go_out(
    environment: dict[str, str], db: Database, database_url: str, twilio: Simulator
) -> None:
    """Its transaction began before the STOP, and commits within it or after it."""
    impatient = {**environment, "MESSAGING_SEND_DEADLINE": "0.2"}
    with closing(runtime.build(load(impatient))) as rt, Messaging(load(environment)) as outbox:
        for patient in (True, False):
            with psycopg.connect(database_url) as handing_over, ThreadPoolExecutor(4) as pool:
                id = outbox.enqueue(Draft(to=TO, body=f"Hello {patient}"), conn=handing_over)
                begin(rt)
                stopping = pool.submit(optout.carry_out, rt, PHONE)
                if not patient:
                    stopping.result()
                handing_over.commit()
                stopping.result()
            work(rt)
            assert "suppressed" == row(db, id).status
            start(rt, db, 1 + patient)
    assert [] == list(twilio.ledger.outbound)


def test_while_texts_are_handed_over_and_sent_none_goes_out_between_a_stop_and_a_start(
    rt: Runtime, db: Database, environment: dict[str, str], twilio: Simulator
) -> None:
    ended, closed = Event(), list[tuple[float, float]]()
    with Messaging(load(environment)) as outbox, ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(repeat, ended, lambda: hand_over(outbox))]
        threads += [pool.submit(repeat, ended, lambda: work(rt)) for _ in range(2)]
        try:
            for number in range(1, ROUNDS + 1):
                sent = len(twilio.ledger.outbound)
                assert wait_until(lambda: len(twilio.ledger.outbound) > sent + ENOUGH, limit=20)  # noqa: B023
                begin(rt)
                optout.carry_out(rt, PHONE)
                closed_at, so_far = time.time(), suppressed(db)
                assert wait_until(lambda: suppressed(db) > so_far + ENOUGH, limit=20)  # noqa: B023
                closed.append((closed_at, time.time()))
                start(rt, db, number)
        finally:
            ended.set()
        for thread in threads:
            thread.result()
    assert wait_until(lambda: not work(rt).outcomes, limit=20)
    assert [OUT, IN] * ROUNDS == said(db)
    times = [message.created_at for message in twilio.ledger.outbound]
    assert [] == [at for at in times for since, until in closed if since < at < until]
    left = {status for (status,) in db.execute("select distinct status from message_jobs")}
    assert {"sent", "suppressed"} == left


def repeat(ended: Event, act: Callable[[], object]) -> None:
    while not ended.wait(_PACE):
        act()


def hand_over(outbox: Messaging) -> UUID:
    return outbox.enqueue(Draft(to=TO, body="Hello"))


def suppressed(db: Database) -> int:
    row = db.execute("select count(*) from message_jobs where status = 'suppressed'").fetchone()
    assert row is not None
    return int(row[0])
