"""`messaging alerts`: what fires, since when, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.alerts import ADVICE, Alert, Name, finite, sentence
from messaging.explanation.line import Tell
from messaging.postgres import alerts, figures
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An alert as `--json` prints it; `value` is null where it has no end."""

    alert: str
    subject: str
    since: datetime
    fired_at: datetime
    value: float | None
    what: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `--json` prints."""

    alerts: Sequence[Firing]


def show_alerts(screen: Screen) -> ExitCode:
    """Lists the alerts that fire, by name."""
    with database(load()) as conn:
        known = alerts.known(conn)
        now = figures.versions(conn).clock
    value = AllOfThem(alerts=firing(known))
    if not value.alerts:
        screen.show(value, Text("No alert fires.", "dim"))
        return ExitCode.OK
    screen.show(value, "", _table(value.alerts, moments.local(now)), "")
    return ExitCode.OK


def firing(known: Sequence[Alert]) -> list[Firing]:
    """Those that have been told, in words."""
    return [
        Firing(
            alert=alert.name,
            subject=alert.subject,
            since=alert.since,
            fired_at=alert.fired_at,
            value=finite(alert.value),
            what=sentence(alert.name, alert.subject, alert.value, alert.detail),
            advice=ADVICE[Name(alert.name)],
        )
        for alert in known
        if alert.fired_at
    ]


def _table(all_of_them: Sequence[Firing], tell: Tell) -> Table:
    table = columns("alert", "since", "what is wrong")
    for one in all_of_them:
        table.add_row(Text(one.alert, "bold red"), Text(tell(one.since)), Text(one.what))
        table.add_row("", "", Text(one.advice, "dim"))
    return table
