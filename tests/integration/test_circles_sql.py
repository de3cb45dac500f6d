"""Statements that take several rows at once never wait for each other in a circle."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest

from messaging.domain.draft import Draft, prepare
from messaging.domain.job import Claim, JobId, Sid, Status
from messaging.domain.outcome import Outcome
from messaging.domain.receipt import Receipt
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import enqueuing, jobs, messages
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.messages import Enqueued
from tests.integration.databases import Database, expect_waiting, migrated
from tests.integration.story import TO, insert, row

T = TypeVar("T")
TEXT = {"recipient_phone": TO, "message_content": "Hello"}
WORDS = ("queued", "sent", "delivered")


def by_columns(conn: Database, drafts: Sequence[Mapping[str, str]]) -> list[Enqueued]:
    """As Python hands over."""
    prepared = {
        position: prepare(
            Draft(
                to=draft["recipient_phone"],
                body=draft["message_content"],
                idempotency_key=draft.get("idempotency_key"),
                id=UUID(draft["id"]) if "id" in draft else None,
                dedupe_window=timedelta(hours=1) if "dedupe_window" in draft else None,
            ),
            None,
            None,
        )
        for position, draft in enumerate(drafts, start=1)
    }
    return enqueuing.enqueue(conn, prepared, Defaults())


Way = Callable[[Database, Sequence[Mapping[str, str]]], list[Enqueued]]
SQL: Way = messages.enqueue
PYTHON: Way = by_columns


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


def accepted(id: JobId, sid: str) -> Outcome:
    return Outcome(
        job_id=id,
        attempt=1,
        status=Status.SENT,
        twilio_sid=Sid(sid),
        delivery_status="queued",
    )


def receipt(status: str, job: UUID | None, sid: str) -> Receipt:
    return Receipt(sid=Sid(sid), status=status, job_id=JobId(job) if job else None, attempt=1)


@pytest.mark.parametrize("column", ["idempotency_key", "id", "message_content"])
@pytest.mark.parametrize("ways", [(SQL, SQL), (PYTHON, PYTHON), (SQL, PYTHON)])
def test_batches_in_opposite_orders_never_wait_in_a_circle(
    url: str, column: str, ways: Sequence[Way]
) -> None:
    window = {"dedupe_window": "1 hour"} if column == "message_content" else {}
    batch = [{**TEXT, **window, column: str(uuid4())} for _ in range(20)]

    def hand_over(way: Way, drafts: Sequence[dict[str, str]]) -> Counter[str]:
        with psycopg.connect(url, autocommit=True) as conn:
            return Counter(answer.result for answer in way(conn, drafts))

    with ThreadPoolExecutor(2) as pool, psycopg.connect(url) as third:
        messages.enqueue(third, [batch[10]])  # both must wait in the middle for this one
        orders = (batch, batch[::-1])
        answers = [pool.submit(hand_over, *each) for each in zip(ways, orders, strict=True)]
        expect_waiting(url, 2)
        third.rollback()
        total: Counter[str] = sum((answer.result() for answer in answers), Counter())
    assert Counter(created=20, duplicate=20) == total


def test_receipts_that_fit_no_message_never_wait_in_a_circle(url: str) -> None:
    batch = [receipt("sent", None, f"SM{n:032x}") for n in range(20)]
    unsorted = "-c enable_mergejoin=off -c enable_hashjoin=off"  # as on a large table

    def tell(receipts: Sequence[Receipt]) -> int:
        with psycopg.connect(url, autocommit=True, options=unsorted) as conn:
            return len(messages.record_receipts(conn, receipts))

    with ThreadPoolExecutor(2) as pool, psycopg.connect(url) as third:
        messages.record_receipts(third, [batch[10]])  # both must wait in the middle for this one
        told = [pool.submit(tell, batch), pool.submit(tell, batch[::-1])]
        expect_waiting(url, 2)
        third.rollback()
        assert {0, 20} == {future.result() for future in told}


def test_answers_and_receipts_of_the_same_jobs_never_wait_in_a_circle(url: str) -> None:
    dice = Random(1)
    with psycopg.connect(url, autocommit=True) as conn:
        claims = claimed(conn, 300)
    sids = {claim.id: f"SM{n:032x}" for n, claim in enumerate(claims, start=9000)}
    outcomes = [accepted(claim.id, sids[claim.id]) for claim in claims]
    receipts = [receipt(word, claim.id, sids[claim.id]) for claim in claims for word in WORDS]

    def settle(group: Sequence[Outcome]) -> int:
        with psycopg.connect(url, autocommit=True) as conn:
            return len(jobs.settle(conn, group, "sms_queue"))

    def tell(group: Sequence[Receipt]) -> int:
        with psycopg.connect(url, autocommit=True) as conn:
            return len(messages.record_receipts(conn, group))

    with ThreadPoolExecutor(8) as pool:
        settled = [pool.submit(settle, group) for group in groups(outcomes * 2, 30, dice)]
        told = [pool.submit(tell, group) for group in groups(receipts * 2, 50, dice)]
        assert len(receipts) == sum(future.result() for future in told)
        assert len(outcomes) >= sum(future.result() for future in settled)

    with psycopg.connect(url, autocommit=True) as conn:
        ends = [row(conn, claim.id) for claim in claims]
    assert {("sent", "delivered")} == {(end.status, end.delivery_status) for end in ends}
    assert set(sids.values()) == {end.twilio_sid for end in ends}


def claimed(conn: Database, count: int) -> list[Claim]:
    """Claims of new jobs, each with its entry in the queue."""
    ids = [JobId(insert(conn, prepared_at="2026-01-01 00:00:00+00")) for _ in range(count)]
    return jobs.claim(conn, ids, timedelta(minutes=5))


def groups(things: Sequence[T], size: int, dice: Random) -> list[list[T]]:
    """The things in a random order, cut into groups."""
    shuffled = dice.sample(things, len(things))
    return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
