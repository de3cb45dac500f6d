"""The kill switch while texts go out as fast as they can: it stops them, and loses none."""

import time
from contextlib import closing
from functools import partial

import psycopg

from messaging.postgres import guards
from messaging.postgres.jobs import Postgres
from tests.stack.batch import FULL_SIZE, Batch, drafts, size
from tests.stack.stack import Stack

TEXTS = size(400, 8000)
FLOWING = size(40, 4000)
"""Texts that have come when it is stopped."""
PARTS = 3
"""How often it is stopped, and resumed."""
TRIES = 8
"""A quick machine may have sent all of a batch before the stop."""


def test_texts_that_are_stopped_in_full_flow_stop_and_go_out_once_when_they_are_resumed(
    calm: Stack,
) -> None:
    with closing(psycopg.connect(calm.database_url, autocommit=True)) as conn:
        for part in range(1, PARTS + 1):
            batch, began = _stopped_in_full_flow(calm, conn, part)
            stopped = batch.accepted()
            # Whatever is due is promoted, once and again; and nothing of it goes out.
            calm.start_task("messaging.promote")
            calm.wait_until(partial(_is_promoted, batch))
            assert len(stopped) == len(batch.accepted())
            print(
                f"part {part}: {len(stopped)} texts, {_pace(batch, began)} in the last second, "
                f"the last {_late(batch, began):.3f} s after the stop"
            )
            if FULL_SIZE:  # nothing else keeps the machine busy then
                assert _late(batch, began) <= 1.0
            assert guards.resume(conn, "all", "", "ann")
            batch.assert_delivered_once(120)


def _stopped_in_full_flow(stack: Stack, conn: Postgres, part: int) -> tuple[Batch, float]:
    """A batch of which some have come and others not, and when it was stopped."""
    for attempt in range(TRIES):
        batch = Batch.of(stack, drafts(TEXTS, f"Stopped in full flow {part}, {attempt}"))
        stack.wait_until(partial(_has_come, batch, FLOWING))
        began = time.time()
        assert guards.stop(conn, "all", "", "a test", "ann")
        stack.wait_until(partial(_is_settled, batch))
        if len(batch.accepted()) < TEXTS:
            return batch, began
        assert guards.resume(conn, "all", "", "ann")
    raise AssertionError("no batch was still under way when it was stopped")


def _is_settled(batch: Batch) -> bool:
    return not batch.statuses()["processing"]


def _is_promoted(batch: Batch) -> bool:
    return not batch.statuses()["retrying"]


def _has_come(batch: Batch, texts: int) -> bool:
    return len(batch.accepted()) >= texts


def _late(batch: Batch, began: float) -> float:
    """How long after this time the last text came to Twilio; negative where it was before."""
    return max(batch.accepted_at().values()) - began


def _pace(batch: Batch, began: float) -> int:
    """Texts that came in the second before this time."""
    return sum(began - 1 <= at < began for at in batch.accepted_at().values())
