"""A chunk as Celery carries it, and what Flower shows of it."""

import json
from dataclasses import replace
from uuid import UUID

import pytest

from messaging.domain.entries import Hint
from messaging.domain.job import JobId, Lane
from messaging.line import described, packed, unpacked

HINTS = [Hint(job_id=JobId(UUID(int=number)), msg_id=number) for number in range(1, 101)]


def test_a_chunk_is_described_by_how_many_jobs_and_which() -> None:
    first = "00000000-0000-0000-0000-000000000001"
    assert f"normal, 1 job: {first}" == described(Lane.NORMAL, HINTS[:1])
    last = "00000000-0000-0000-0000-000000000064"
    assert f"urgent, 100 jobs: {first} to {last}" == described(Lane.URGENT, HINTS)


SEGMENTS = [replace(hint, segments=1 + hint.msg_id % 3) for hint in HINTS]


@pytest.mark.parametrize("hints", [[], HINTS[:1], HINTS, SEGMENTS, SEGMENTS[:1]])
def test_a_chunk_is_the_same_after_its_way_through_celery(hints: list[Hint]) -> None:
    assert hints == unpacked(json.loads(json.dumps(packed(hints))))
