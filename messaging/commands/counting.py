"""`messaging stats`: what was sent, and what failed and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns, grid
from messaging.domain.job import Lane
from messaging.domain.wording import hide_numbers, plain
from messaging.postgres import figures
from messaging.postgres.figures import Failure, Figures
from messaging.settings import load
from messaging.twilio.codes import explain


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
