"""Metrics of what is kept and deleted, for one scrape."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from messaging.domain.keeping import Kept


def kept(kinds: Sequence[Kept]) -> Iterator[GaugeMetricFamily]:
    """How long each kind is kept, how old it is, and what its deletion has done and has to do."""
    keep = GaugeMetricFamily(
        "messaging_retention_keep_seconds", "How long it is kept; 0 for good.", labels=["kind"]
    )
    oldest = GaugeMetricFamily(
        "messaging_retention_oldest_timestamp_seconds", "Of when the oldest is.", labels=["kind"]
    )
    overdue = GaugeMetricFamily(
        "messaging_retention_overdue",
        "Rows over their time that could go and were not looked at yet, up to ten thousand.",
        labels=["kind"],
    )
    removed = GaugeMetricFamily(
        "messaging_retention_removed",
        "Rows that were deleted since this is counted.",
        labels=["kind"],
    )
    for one in kinds:
        keep.add_metric([one.kind], one.keep.total_seconds() if one.keep else 0)
        _add_time(oldest, one, one.oldest)
        overdue.add_metric([one.kind], one.overdue)
        removed.add_metric([one.kind], one.removed_in_all)
    yield from (keep, oldest, overdue, removed, *_runs(kinds))


def _runs(kinds: Sequence[Kept]) -> Iterator[GaugeMetricFamily]:
    ran = GaugeMetricFamily(
        "messaging_retention_ran_timestamp_seconds", "When its deletion last ran.", labels=["kind"]
    )
    finished = GaugeMetricFamily(
        "messaging_retention_finished_timestamp_seconds",
        "When its deletion last had nothing left to look at.",
        labels=["kind"],
    )
    for one in kinds:
        _add_time(ran, one, one.ran_at)
        _add_time(finished, one, one.finished_at)
    yield from (ran, finished)


def _add_time(gauge: GaugeMetricFamily, one: Kept, time: datetime | None) -> None:
    """Nothing where there was no such time."""
    if time is not None:
        gauge.add_metric([one.kind], time.timestamp())
