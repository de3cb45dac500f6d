"""`messaging plan`: what a file would come to, before anything of it is handed over."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from messaging.commands import moments
from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.files.drafts import rows, survey
from messaging.commands.files.fields import Defaults
from messaging.commands.files.lines import shown
from messaging.commands.ledger import COLUMNS, RefusedRow, kept
from messaging.commands.picturing import Planned, picture
from messaging.commands.progress import progress
from messaging.commands.report import opened
from messaging.commands.screen import Screen
from messaging.domain.forecast import Forecast
from messaging.planning import Planner
from messaging.postgres.jobs import Postgres
from messaging.settings import Settings, load

_GROUP = 2000
"""Rows that Postgres is asked about together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed."""

    file: Path
    template: str | None
    key_prefix: str | None
    report: Path | None
    full: bool


def plan(screen: Screen, wish: Wish) -> ExitCode:
    """Tells what would become of every row, when and for how much. Writes nothing.

    UNSUCCESSFUL where rows would be refused. Raises Refused where the file as a whole is wrong,
    Unreachable where Postgres goes away.
    """
    settings = load()
    total = survey(wish.file, has_template=wish.template is not None)
    began = time.monotonic()
    seen = look(screen, settings, partial(_foresee, screen, settings, wish, total))
    found, refusals = seen.value
    value = Planned(
        file=shown(wish.file),
        seconds=round(time.monotonic() - began, 2),
        report=shown(wish.report) if wish.report else None,
        behind=seen.behind,
        refused_rows=refusals,
        plan=found,
    )
    screen.show(value, *picture(value, moments.local(found.now)))
    return ExitCode.UNSUCCESSFUL if found.refused else ExitCode.OK


def _foresee(
    screen: Screen, settings: Settings, wish: Wish, total: int, conn: Postgres
) -> tuple[Forecast, Sequence[RefusedRow]]:
    """The plan, made in one transaction that cannot write."""
    conn.read_only = True
    with (
        conn.transaction(),
        opened(wish.report, COLUMNS, beside=wish.file) as report,
        kept(is_wanted=wish.report is not None, full=wish.full) as ledger,
        progress(screen, total) as advance,
    ):
        planner = Planner(conn, settings)
        defaults = Defaults(template=wish.template, key_prefix=wish.key_prefix, now=planner.now)
        remaining = rows(wish.file, defaults)
        while group := list(islice(remaining, _GROUP)):
            ledger.add(planner.take(group))
            advance(len(group))
        found = planner.finish()
        report.write(ledger.rows(planner))
    return found, ledger.refusals
