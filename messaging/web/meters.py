"""Metrics for Prometheus: what this process has counted, and the figures of the installation."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from messaging.domain.alerts import Name
from messaging.domain.keywords import Word
from messaging.domain.standing import Standing
from messaging.postgres.figures import Figures
from messaging.postgres.messages import Recorded
from messaging.postgres.reading import Seen
from messaging.web.kept import kept


class Meters:
    """What one web process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._receipts = Counter(
            "messaging_receipts",
            "Status callbacks that this process answered, by what became of them.",
            ["result"],
            registry=self.registry,
        )
        for result in ("matched", "orphaned", "repeated", "refused", "lost"):
            self._receipts.labels(result)

        self._inbound = Counter(
            "messaging_inbound",
            "Texts to us that this process answered, by keyword or by what became of them.",
            ["result"],
            registry=self.registry,
        )
        for result in ("text", *Word, "refused", "lost"):
            self._inbound.labels(result)

    def inbound(self, result: str) -> None:
        """Counts a text to us: a keyword, any other text, refused or lost."""
        self._inbound.labels(result).inc()

    def recorded(self, receipts: int, fresh: Sequence[Recorded]) -> None:
        """Counts a group of receipts that is committed, of which these were new."""
        orphaned = sum(row.job_id is None for row in fresh)
        self._receipts.labels("matched").inc(len(fresh) - orphaned)
        self._receipts.labels("orphaned").inc(orphaned)
        self._receipts.labels("repeated").inc(receipts - len(fresh))

    def refused(self) -> None:
        """Counts a callback that Twilio did not sign, or that is none."""
        self._receipts.labels("refused").inc()

    def lost(self) -> None:
        """Counts a callback that was answered with 503, so that Twilio tries again."""
        self._receipts.labels("lost").inc()


def exposition(
    meters: Meters, seen: Seen[Figures] | None, breakers: Sequence[Standing] | None
) -> bytes:
    """All metrics in Prometheus' text format; without figures, Postgres did not answer, and
    without breakers, Redis did not.
    """
    registry = CollectorRegistry()
    registry.register(_Gauges(seen, breakers))
    return generate_latest(meters.registry) + generate_latest(registry)


class _Gauges(Collector):
    """The figures as gauges, for one scrape."""

    def __init__(self, seen: Seen[Figures] | None, breakers: Sequence[Standing] | None) -> None:
        self._seen = seen
        self._breakers = breakers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        seen = self._seen
        yield GaugeMetricFamily(
            "messaging_database_up", "1 if Postgres answered this scrape.", 1 if seen else 0
        )
        if seen and seen.behind is not None:
            yield GaugeMetricFamily(
                "messaging_replica_behind_seconds",
                "How old the replica's picture was that these figures were read from.",
                seen.behind,
            )
        if seen:
            figures = seen.value
            yield from _waiting(figures)
            yield from _queues(figures)
            yield _recent(figures)
            yield from _watched(figures)
            yield from _guarded(figures)
            yield GaugeMetricFamily(
                "messaging_inbound_missed",
                "Texts to us of the last 24 hours that no webhook brought.",
                figures.missed,
            )
            yield from kept(figures.kept)
        if self._breakers is not None:
            yield from _stopped(self._breakers)


def _waiting(figures: Figures) -> Iterator[GaugeMetricFamily]:
    jobs = GaugeMetricFamily("messaging_jobs", "Jobs that are not final.", labels=["status"])
    overdue = GaugeMetricFamily(
        "messaging_jobs_overdue_seconds", "How long the oldest job is due.", labels=["status"]
    )
    for status, waiting in figures.waiting.items():
        jobs.add_metric([status], waiting.jobs)
        overdue.add_metric([status], waiting.overdue)
    yield jobs
    yield overdue


def _queues(figures: Figures) -> Iterator[GaugeMetricFamily]:
    length = GaugeMetricFamily("messaging_queue_length", "Queue entries.", labels=["lane"])
    oldest = GaugeMetricFamily(
        "messaging_queue_oldest_seconds", "The age of the oldest queue entry.", labels=["lane"]
    )
    for lane, depth in figures.queues.items():
        length.add_metric([lane], depth.queue_length)
        oldest.add_metric([lane], depth.oldest_msg_age_sec or 0)
    yield length
    yield oldest


def _recent(figures: Figures) -> GaugeMetricFamily:
    day = GaugeMetricFamily(
        "messaging_last_day", "Messages of the last 24 hours by their end.", labels=["result"]
    )
    recent = figures.recent
    day.add_metric(["sent"], recent.sent)
    day.add_metric(["delivered"], recent.delivered)
    day.add_metric(["undelivered"], recent.undelivered)
    day.add_metric(["failed"], recent.failed)
    return day


def _watched(figures: Figures) -> Iterator[GaugeMetricFamily]:
    firing = GaugeMetricFamily("messaging_alerts", "Alerts that fire.", labels=["alert"])
    for name in Name:
        firing.add_metric([name], figures.firing.get(name, 0))
    silence = GaugeMetricFamily(
        "messaging_silence_seconds",
        "Since the last sign of life of the most silent process.",
        labels=["role"],
    )
    for role, seconds in figures.silences.items():
        silence.add_metric([role], seconds)
    yield firing
    yield silence


def _guarded(figures: Figures) -> Iterator[GaugeMetricFamily]:
    stops = GaugeMetricFamily(
        "messaging_stops", "What a person has stopped.", labels=["scope", "value"]
    )
    aside = GaugeMetricFamily(
        "messaging_set_aside",
        "Messages that wait outside of the queues until sending is resumed.",
        labels=["scope", "value"],
    )
    for stop in figures.stops:
        stops.add_metric([stop.scope, stop.value], 1)
        aside.add_metric([stop.scope, stop.value], stop.set_aside)
    yield stops
    yield aside
    counted = GaugeMetricFamily(
        "messaging_counted",
        "What counts against the caps in this hour and this day (UTC).",
        labels=["span", "unit"],
    )
    for one in figures.counts:
        counted.add_metric([one.span, "messages"], one.messages)
        counted.add_metric([one.span, "segments"], one.segments)
        counted.add_metric([one.span, "usd"], float(one.usd))
    yield counted


def _stopped(breakers: Sequence[Standing]) -> Iterator[GaugeMetricFamily]:
    opened = GaugeMetricFamily(
        "messaging_breaker_open", "1 while nothing is sent, because it would fail.", labels=["of"]
    )
    since = GaugeMetricFamily(
        "messaging_breaker_opened_timestamp_seconds", "When it opened.", labels=["of"]
    )
    probe = GaugeMetricFamily(
        "messaging_breaker_probe_timestamp_seconds", "When it is tried again.", labels=["of"]
    )
    for one in breakers:
        opened.add_metric([one.scope], float(one.is_open))
        if one.since:
            since.add_metric([one.scope], one.since.timestamp())
        if one.next_probe:
            probe.add_metric([one.scope], one.next_probe.timestamp())
    yield opened
    yield since
    yield probe
