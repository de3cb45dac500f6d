"""The kill switch while texts go out as fast as they can: it stops them, and loses none."""

import time
from contextlib import closing
from functools import partial

import psycopg

from messaging.postgres import guards
from tests.stack.batch import FULL_SIZE, Batch, drafts, size
from tests.stack.stack import Stack

TEXTS = size(600, 6000)
PARTS = 3
"""How often it is stopped, and resumed."""


def test_texts_that_are_stopped_in_full_flow_stop_and_go_out_once_when_they_are_resumed(
    calm: Stack,
) -> None:
    batch = Batch.of(calm, drafts(TEXTS, "Stopped in full flow"))
    with closing(psycopg.connect(calm.database_url, autocommit=True)) as conn:
        enough = 0
        for part in range(1, PARTS + 1):
            enough += TEXTS // 10
            calm.wait_until(partial(_has_come, batch, enough))
            began = time.time()
            assert guards.stop(conn, "all", "", "a test", "ann")
            calm.wait_until(lambda: not batch.statuses()["processing"])
            stopped = batch.accepted()
            assert len(stopped) < TEXTS, "some were still to come"
            # Whatever is due is promoted, once and again; and nothing of it goes out.
            calm.start_task("messaging.promote")
            calm.wait_until(lambda: not batch.statuses()["retrying"])
            assert len(stopped) == len(batch.accepted())
            enough = len(stopped)
            print(f"part {part}: {len(stopped)} texts, the last {_late(batch, began):.3f} s after")
            if FULL_SIZE:  # nothing else keeps the machine busy then
                assert _late(batch, began) <= 1.0
            assert guards.resume(conn, "all", "", "ann")
    batch.assert_delivered_once(120)


def _has_come(batch: Batch, texts: int) -> bool:
    return len(batch.accepted()) >= texts


def _late(batch: Batch, began: float) -> float:
    """How long after this time the last text came to Twilio; negative where it was before."""
    return max(batch.accepted_at().values()) - began
