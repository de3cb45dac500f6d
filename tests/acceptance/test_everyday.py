"""Many texts through all processes: once each, urgent ones first, scheduled ones in time."""

from datetime import timedelta

import pytest

from tests.stack.batch import LATEST, Batch, at, drafts, lateness, now, size
from tests.stack.stack import Stack

THOUSANDS = size(quick=2000, full=10_000)
SCHEDULED = size(quick=100, full=1000)
SPREAD = timedelta(seconds=size(quick=4, full=60))


def test_thousands_arrive_once_and_both_workers_have_a_part_in_it(calm: Stack) -> None:
    before = {name: chunks(calm, name) for name in ("worker-1", "worker-2")}
    batch = Batch.of(calm, drafts(THOUSANDS, "One of thousands"))
    batch.assert_delivered_once(limit=120)
    idle = [name for name, count in before.items() if chunks(calm, name) == count]
    assert [] == idle


def test_urgent_texts_overtake_a_backlog(calm: Stack) -> None:
    """All become visible at the same moment: only the lanes put one before the other."""
    normal = drafts(THOUSANDS, "Of the backlog")
    urgent = drafts(30, "Urgent", priority=6)
    with calm.db.transaction():
        answers = calm.messaging.enqueue_many([*normal, *urgent], conn=calm.db)
    batch = Batch(stack=calm, ids=[answer.id for answer in answers if answer.id])
    batch.assert_sent_once(limit=120)
    bodies = [message.body for message in batch.accepted()]
    last = max(place for place, body in enumerate(bodies) if body.startswith("Urgent"))
    overtaken = len(bodies) - last
    print(f"the last urgent text overtook {overtaken} of {len(normal)}")
    assert overtaken > len(normal) / 2


def test_scheduled_texts_come_in_time_and_never_before(calm: Stack) -> None:
    begin = now(calm) + timedelta(seconds=2)
    times = [begin + SPREAD * (n / SCHEDULED) for n in range(SCHEDULED)]
    batch = Batch.of(calm, at(times, "Scheduled"))
    batch.assert_delivered_once(limit=SPREAD.total_seconds() + 30)
    lags = lateness(batch, times)
    print(f"late by {min(lags):.2f} to {max(lags):.2f} s")
    assert [] == [lag for lag in lags if not 0 <= lag < LATEST]


def test_a_cancelled_text_never_goes_out(calm: Stack) -> None:
    time = now(calm) + timedelta(seconds=3)
    batch = Batch.of(calm, at([time] * 20, "To be cancelled"))
    cancelled, kept = batch.part(0, 10), batch.part(10, 20)
    assert {"canceled"} == {calm.messaging.cancel(id) for id in cancelled.ids}
    kept.assert_delivered_once()
    assert [] == cancelled.accepted()
    assert cancelled.are("canceled")


def test_a_rescheduled_text_goes_out_at_its_new_time(calm: Stack) -> None:
    begin = now(calm)
    later, sooner = begin + timedelta(seconds=4), begin + timedelta(seconds=2)
    batch = Batch.of(
        calm, at([begin + timedelta(seconds=1.5), begin + timedelta(days=1)], "To be moved")
    )
    for id, time in zip(batch.ids, (later, sooner), strict=True):
        assert "rescheduled" == calm.messaging.reschedule(id, time)
    batch.assert_delivered_once()
    lags = lateness(batch, [later, sooner])
    assert [] == [lag for lag in lags if not 0 <= lag < LATEST]


def test_what_was_sent_long_ago_is_deleted_while_others_are_sent(calm: Stack) -> None:
    batch = Batch.of(calm, drafts(200, "Sent in another year"))
    batch.assert_delivered_once()
    old, young = batch.ids[:100], batch.ids[100:]
    calm.db.execute(
        """
        update message_jobs
        set sent_at = sent_at - interval '1 year', updated_at = updated_at - interval '1 year',
          delivered_at = delivered_at - interval '1 year'
        where id = any(%s)
        """,
        [old],
    )
    beside = Batch.of(calm, drafts(200, "Sent while others are deleted"))
    calm.wait_until(lambda: batch.statuses()["sent"] == len(young))
    beside.assert_delivered_once()
    assert Batch(stack=calm, ids=young).are("sent")


@pytest.mark.parametrize("priority", [0, 10])
def test_a_text_of_either_lane_arrives_alone_too(calm: Stack, priority: int) -> None:
    Batch.of(calm, drafts(1, f"Of priority {priority}", priority=priority)).assert_delivered_once()


def chunks(stack: Stack, worker: str) -> int:
    """How many tasks a worker has sent."""
    return stack.children[worker].text().count("chunk_delivered")
