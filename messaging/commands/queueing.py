"""`messaging queues`: how much waits and where, how fast it goes, and what stands in the way."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from messaging.commands import breakers, broker
from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.styles import of_status
from messaging.commands.tables import columns
from messaging.commands.turns import in_turn
from messaging.domain.job import Lane, Status
from messaging.domain.standing import Standing
from messaging.domain.wording import count, hide_numbers, plain, span
from messaging.errors import MessagingError, Refused, Unreachable
from messaging.postgres import figures
from messaging.postgres.figures import Waiting
from messaging.postgres.guards import Stop
from messaging.postgres.queues import Campaign, Depth
from messaging.settings import Settings, load

_WAITING = ("scheduled", "pending", "processing", "retrying", "in_doubt", "held")

_ROLES = ("worker", "bridge", "beat", "web")
_EVERY = 1.0
"""Seconds between two looks of `--watch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Messages a second that Twilio took, over the last ten; `limit` is null where there is none.

    With a limit in segments, `limit` counts those.
    """

    sent: float
    limit: float | None


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
    rate: Rate
    processes: Mapping[str, int]
    """How many of each kind give signs of life."""
    campaigns: Sequence[Campaign]
    """Those that take turns in the normal lane."""


def queues(screen: Screen) -> ExitCode:
    """Shows how much waits, in Postgres, pgmq and Celery."""
    value = _read(screen, load())
    screen.show(value, "", *_picture(value), "")
    return ExitCode.OK


def watch(screen: Screen) -> ExitCode:
    """Shows the same each second, until it is interrupted. Raises Refused for JSON."""
    if screen.json:
        raise Refused("--watch is a picture for people: leave --json or --watch out.")
    settings = load()
    # A shell has what it starts in the background ignore interrupts; this one is there to be ended.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Live(console=screen.out, auto_refresh=False) as live:
        try:
            for picture in _pictures(screen, settings):
                live.update(Group("", *picture, ""), refresh=True)
                time.sleep(_EVERY)
        except KeyboardInterrupt:
            return ExitCode.OK
    return ExitCode.OK


def _pictures(screen: Screen, settings: Settings) -> Iterator[Sequence[RenderableType]]:
    """One after another, for ever; an outage is a picture too."""
    while True:
        try:
            yield _picture(_read(screen, settings))
        except MessagingError as error:
            yield [Text(plain(str(error)), "red")]


def _read(screen: Screen, settings: Settings) -> Queues:
    silence = settings.alert_silence
    seen = look(screen, settings, lambda conn: figures.read_queues(conn, silence))
    found = seen.value
    return Queues(
        queues=[found.queues[lane] for lane in (*Lane, "dead") if lane in found.queues],
        celery=_celery(screen, settings),
        breakers=_breakers(screen, settings),
        waiting=[found.waiting[status] for status in _WAITING if status in found.waiting],
        behind=seen.behind,
        stops=found.stops,
        rate=Rate(sent=found.sent_per_second, limit=settings.sends_per_second),
        processes={role: found.alive.get(role, 0) for role in _ROLES},
        campaigns=found.campaigns,
    )


def _picture(value: Queues) -> list[RenderableType]:
    return [
        *_broken(value),
        _lanes(value),
        "",
        *in_turn(value.campaigns),
        *_waiting(value),
        *_stopped(value),
        "",
        _going(value),
    ]


def _going(value: Queues) -> Text:
    """How fast, and who works."""
    limit = f" of {value.rate.limit:,.4g}" if value.rate.limit else ""
    crew = ", ".join(
        count(number, role, "beats" if role == "beat" else None)
        for role, number in value.processes.items()
        if number
    )
    return Text(f"{value.rate.sent:,.1f} a second sent{limit}   {crew or 'no process is there'}")


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
        Text(f"Stopped: {plain(stop.words)}. {plain(stop.reason)}", "bold red")
        for stop in value.stops
    ]


def _overdue(row: Waiting) -> str:
    """Nobody looks at what is held until a person does."""
    if row.status == Status.HELD or row.overdue < 1:
        return ""
    return span(timedelta(seconds=row.overdue))


def _age(seconds: int | None) -> str:
    return "" if seconds is None else span(timedelta(seconds=seconds))
