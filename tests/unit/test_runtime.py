"""The runtime's own small promises."""

from datetime import timedelta

import pytest

from messaging import runtime
from messaging.settings import load

NONE, AN_HOUR = timedelta(0), timedelta(hours=1)


@pytest.mark.parametrize(("time_to_spend", "expected"), [(NONE, [1]), (AN_HOUR, [1, 2, 3])])
def test_work_item_by_item_ends_when_its_time_is_over(
    time_to_spend: timedelta, expected: list[int]
) -> None:
    rt = runtime.build(load({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}))
    try:
        assert expected == list(rt.while_there_is_time([1, 2, 3], time_to_spend))
    finally:
        rt.close()
