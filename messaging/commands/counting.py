"""`messaging queues` and `messaging stats`: the figures of the installation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.commands import breakers, broker
from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.styles import of_status
from messaging.commands.tables import columns, grid
from messaging.domain.job import Lane, Status
from messaging.domain.standing import Standing
from messaging.domain.wording import hide_numbers, plain, span
from messaging.errors import Unreachable
from messaging.postgres import figures
from messaging.postgres.figures import Failure, Figures, Waiting
from messaging.postgres.guards import Stop
from messaging.postgres.queues import Depth
from messaging.settings import Settings, load
from messaging.twilio.codes import explain

_WAITING = ("scheduled", "pending", "processing", "retrying", "in_doubt", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What `queues --json` prints; `celery` is null where the broker does not answer, and
    `breakers` where Redis does not.

    `behind` is how many seconds old the replica's picture is; null where none was read.
    """

    queues: Sequence[Depth]
    celery: Mapping[str, int] | None
    breakers: Sequence[Standing] | None
    waiting: Sequence[Waiting]
    behind: float | None
    stops: Sequence[Stop]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What `stats --json` prints: since midnight of the database, and the last 24 hours.

    `behind` is how many seconds old the replica's picture is; null where none was read.
    """

    sent_today: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    queued: int
    failures: Sequence[Failure]
    behind: float | None


def queues(screen: Screen) -> ExitCode:
    """Shows how much waits, in Postgres, pgmq and Celery."""
    settings = load()
    seen = look(screen, settings, figures.read)
    found = seen.value
    celery = _celery(screen, settings)
    value = Queues(
        queues=[found.queues[lane] for lane in (*Lane, "dead") if lane in found.queues],
        celery=celery,
        breakers=_breakers(screen, settings),
        waiting=[found.waiting[status] for status in _WAITING if status in found.waiting],
        behind=seen.behind,
        stops=found.stops,
    )
    screen.show(
        value, "", *_broken(value), _lanes(value), "", *_waiting(value), *_stopped(value), ""
    )
    return ExitCode.OK


def stats(screen: Screen) -> ExitCode:
    """Shows what was sent, and what failed and why."""
    seen = look(screen, load(), lambda conn: (figures.read(conn), figures.failures(conn)))
    found, failures = seen.value
    value = Stats(
        sent_today=found.recent.sent_today,
        sent=found.recent.sent,
        delivered=found.recent.delivered,
        undelivered=found.recent.undelivered,
        failed=found.recent.failed,
        queued=_queued(found),
        failures=failures,
        behind=seen.behind,
    )
    screen.show(value, "", _totals(value), *_reasons(failures), "")
    return ExitCode.OK


def _celery(screen: Screen, settings: Settings) -> dict[str, int] | None:
    try:
        return broker.lengths(settings)
    except Unreachable as error:
        screen.doubtful(str(error))
        return None


def _breakers(screen: Screen, settings: Settings) -> Sequence[Standing] | None:
    try:
        return breakers.standing(settings)
    except Unreachable as error:
        screen.doubtful(str(error))
        return None


def _broken(value: Queues) -> list[RenderableType]:
    said = breakers.sentences(value.breakers or ())
    return [*(Text(plain(hide_numbers(one)), "red") for one in said), *([""] if said else [])]


def _lanes(value: Queues) -> Table:
    table = columns("queue", ">entries", ">oldest", ">Celery tasks")
    for depth in value.queues:
        is_lane = depth.lane in set(Lane)
        tasks = value.celery.get(f"deliver.{depth.lane}") if value.celery and is_lane else None
        table.add_row(
            Text(depth.lane, "bold"),
            Text(f"{depth.queue_length:,}", "" if is_lane or not depth.queue_length else "red"),
            Text(_age(depth.oldest_msg_age_sec)),
            Text("" if tasks is None else f"{tasks:,}"),
        )
    return table


def _waiting(value: Queues) -> list[RenderableType]:
    if not value.waiting:
        return [Text("No message waits.", "dim")]
    table = columns("status", ">messages", ">overdue for")
    for row in value.waiting:
        status = Text(row.status.replace("_", " "), of_status(row.status, None))
        table.add_row(status, f"{row.jobs:,}", _overdue(row))
    return [table]


def _stopped(value: Queues) -> list[RenderableType]:
    return [
        Text(f"Stopped: {stop.words}. {plain(stop.reason)}", "bold red") for stop in value.stops
    ]


def _overdue(row: Waiting) -> str:
    """Nobody looks at what is held until a person does."""
    if row.status == Status.HELD or row.overdue < 1:
        return ""
    return span(timedelta(seconds=row.overdue))


def _age(seconds: int | None) -> str:
    return "" if seconds is None else span(timedelta(seconds=seconds))


def _queued(found: Figures) -> int:
    return sum(depth.queue_length for lane, depth in found.queues.items() if lane in set(Lane))


def _totals(value: Stats) -> Table:
    table = grid()
    table.add_column(justify="right")
    table.add_column(style="dim")
    rows = (
        ("sent today", value.sent_today, "", "since midnight, on the database's clock"),
        ("sent", value.sent, "", "in the last 24 hours"),
        ("delivered", value.delivered, "green", "of these"),
        ("undelivered", value.undelivered, "red" if value.undelivered else "", "of these"),
        ("failed", value.failed, "red" if value.failed else "", "in the last 24 hours"),
        ("queued", value.queued, "", "entries in both lanes"),
    )
    for name, number, style, remark in rows:
        table.add_row(name, Text(f"{number:,}", style), remark)
    return table


def _reasons(failures: Sequence[Failure]) -> list[RenderableType]:
    if not failures:
        return []
    table = columns(">messages", "what", "why")
    for one in failures:
        table.add_row(f"{one.messages:,}", one.outcome, Text(_reason(one)))
    return ["", table]


def _reason(failure: Failure) -> str:
    if failure.error_code is None:
        return plain(hide_numbers(failure.reason or "No reason is recorded."))
    return f"{failure.error_code}, {explain(failure.error_code)}"
