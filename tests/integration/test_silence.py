"""Twilio falls silent while texts are under way: nothing more is written, and it is heard again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from messaging import delivery, runtime
from messaging.domain.job import Lane
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.story import insert, row, stopped, take, work

Database = Connection[TupleRow]


@pytest.fixture
def hasty(environment: dict[str, str]) -> Iterator[Runtime]:
    """A process that takes half a second without an answer for silence."""
    rt = runtime.build(load({**environment, "MESSAGING_BREAKER_SILENCE": "0.5"}))
    yield rt
    rt.close()


def wait_until(condition: Callable[[], bool]) -> None:
    limit = monotonic() + 20
    while not condition():
        assert monotonic() < limit, "it did not come about in time"
        sleep(0.005)


def test_silence_keeps_texts_back_before_any_time_is_out_and_a_late_answer_lets_them_go(
    hasty: Runtime, db: Database, twilio: Simulator
) -> None:
    insert(db, message_content="first")
    work(hasty)
    for n in range(20):
        insert(db, message_content=f"n {n}")
    work(hasty)  # from here on it knows how quick Twilio is
    twilio.faults.add(Rule(kind=Kind.HANG_BEFORE))
    ids = [insert(db, message_content=f"lost {n}") for n in range(12)]
    hints = take(hasty)
    with capture_logs() as logs, ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(delivery.deliver, hasty, Lane.NORMAL, hints)
        wait_until(lambda: bool(stopped(hasty)))
        assert {"processing"} == {row(db, id).status for id in ids}, "they wait for their answers"
        assert "Twilio is silent: 12 requests wait" in stopped(hasty)["account"]
        late = insert(db, message_content="kept back")
        assert 1 == delivery.deliver(hasty, Lane.NORMAL, take(hasty)).put_off
        assert ("pending", 0) == (row(db, late).status, row(db, late).attempt)
        twilio.faults.clear()
        twilio.release()
        assert {"sent": 12} == dict(under_way.result().outcomes)
        wait_until(lambda: not stopped(hasty))
    told = [log["event"] for log in logs if log["event"].startswith("breaker")]
    assert ["breaker_opened", "breaker_closed"] == told
    assert {(1, 0)} == {(row(db, id).attempt, row(db, id).retry_count) for id in ids}
