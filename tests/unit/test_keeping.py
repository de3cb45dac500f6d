"""How long things are kept, and when their deletion does not keep up."""

from datetime import UTC, datetime, timedelta

import pytest

from messaging.domain.keeping import Kept, Kind, Times

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def kept(**changes: object) -> Kept:
    values: dict[str, object] = {
        "kind": Kind.SENT,
        "keep": 30 * DAY,
        "oldest": NOW - 40 * DAY,
        "overdue": 3,
        "has_more": False,
        "ran_at": NOW - timedelta(minutes=1),
        "finished_at": NOW - timedelta(hours=30),
        "removed_at": None,
        "removed_today": 0,
        "removed_in_all": 0,
        "now": NOW,
        **changes,
    }
    return Kept(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "behind"),
    [
        ({}, None),
        ({"finished_at": NOW - 3 * DAY}, "has come to no end for 3 d: 3 overdue"),
        ({"finished_at": NOW - 3 * DAY, "has_more": True}, "3 or more overdue"),
        ({"finished_at": NOW - 3 * DAY, "overdue": 0}, None),
        ({"ran_at": NOW - timedelta(hours=2)}, "last ran 2 h ago"),
        ({"ran_at": None}, "has never run"),
        ({"ran_at": None, "keep": None}, None),
        ({"ran_at": None, "finished_at": NOW - timedelta(minutes=30)}, None),
    ],
    ids=[
        "in time",
        "late",
        "very late",
        "nothing to do",
        "stopped",
        "never ran",
        "for good",
        "just begun",
    ],
)
def test_deletion_that_does_not_keep_up_says_why(
    changes: dict[str, object], behind: str | None
) -> None:
    found = kept(**changes).behind
    assert found is None if behind is None else behind in str(found)


@pytest.mark.parametrize(
    ("times", "failed"),
    [
        (Times(), None),
        (Times(jobs=30 * DAY), 30 * DAY),
        (Times(dead=9 * DAY), 9 * DAY),
        (Times(jobs=30 * DAY, dead=90 * DAY), 30 * DAY),
    ],
)
def test_failed_messages_have_two_times(times: Times, failed: timedelta | None) -> None:
    assert failed == times.of(Kind.FAILED)
