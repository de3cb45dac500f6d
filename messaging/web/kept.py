"""Metrics of what is kept and deleted, for one scrape."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from messaging.domain.keeping import Kept


def kept(kinds: Sequence[Kept]) -> Iterator[GaugeMetricFamily]:
    """How long each kind is kept, how old it is, and what its deletion has done and has to do."""
    yield _gauge("keep_seconds", "How long it is kept; 0 for good.", kinds, _keep)
    yield _gauge(
        "oldest_timestamp_seconds", "Of when the oldest is.", kinds, lambda one: _at(one.oldest)
    )
    yield _gauge(
        "overdue",
        "Rows over their time that could go and were not looked at yet, up to ten thousand.",
        kinds,
        lambda one: one.overdue,
    )
    yield _gauge(
        "ran_timestamp_seconds", "When its deletion last ran.", kinds, lambda one: _at(one.ran_at)
    )
    yield _gauge(
        "finished_timestamp_seconds",
        "When its deletion last had nothing left to look at.",
        kinds,
        lambda one: _at(one.finished_at),
    )
    yield _gauge(
        "removed",
        "Rows that were deleted since this is counted.",
        kinds,
        lambda one: one.removed_in_all,
    )


def _gauge(
    name: str, what: str, kinds: Sequence[Kept], value: Callable[[Kept], float | None]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"messaging_retention_{name}", what, labels=["kind"])
    for one in kinds:
        if (known := value(one)) is not None:
            gauge.add_metric([one.kind], known)
    return gauge


def _keep(one: Kept) -> float:
    return one.keep.total_seconds() if one.keep else 0


def _at(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
