"""`messaging enqueue`: a file of messages handed over, in groups, however long it is."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from messaging.bounds import Bounds
from messaging.commands.database import answering, database
from messaging.commands.exits import ExitCode
from messaging.commands.fates import COLUMNS, Fate, Tally
from messaging.commands.files.drafts import rows, survey
from messaging.commands.files.fields import Defaults
from messaging.commands.files.lines import shown
from messaging.commands.progress import progress
from messaging.commands.rehearsing import rehearse
from messaging.commands.report import opened
from messaging.commands.screen import Screen
from messaging.commands.summary import Summary, picture
from messaging.domain.draft import Draft
from messaging.domain.plan import Row
from messaging.errors import MessagingError
from messaging.outbox import Messaging
from messaging.postgres import figures
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued
from messaging.settings import load

_GROUP = 1000
"""Rows that are handed over and committed together."""

_HandOver = Callable[[Sequence[Draft]], Sequence[Enqueued]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed."""

    file: Path
    template: str | None
    key_prefix: str | None
    report: Path | None
    dry_run: bool


def enqueue(screen: Screen, wish: Wish) -> ExitCode:
    """Hands every row over and says what became of them.

    Raises Refused, with nothing handed over, where the file as a whole is wrong;
    Unreachable, with how far it got, where Postgres goes away.
    """
    settings = load()
    total = survey(wish.file, has_template=wish.template is not None)
    began = time.monotonic()
    tally = Tally()
    with (
        database(settings) as conn,
        Messaging(settings) as messaging,
        opened(wish.report, COLUMNS, beside=wish.file) as report,
    ):
        hand_over: _HandOver = partial(messaging.enqueue_many, conn=conn)
        if wish.dry_run:
            hand_over = partial(rehearse, conn, settings, Bounds(settings))
        remaining = rows(wish.file, _defaults(wish, conn))
        with (
            progress(screen, total) as advance,
            _telling_how_far(screen, tally, total, wish),
            answering(settings.database_url.get_secret_value()),
        ):
            while group := list(islice(remaining, _GROUP)):
                fates = _met(group, hand_over)
                tally.add(fates)
                report.write(map(astuple, fates))
                advance(len(fates))
    summary = _summary(wish, tally, time.monotonic() - began)
    screen.show(summary, *picture(summary, dry_run=wish.dry_run))
    return ExitCode.UNSUCCESSFUL if summary.refused else ExitCode.OK


def _defaults(wish: Wish, conn: Postgres) -> Defaults:
    now = figures.versions(conn).clock
    return Defaults(template=wish.template, key_prefix=wish.key_prefix, now=now)


def _summary(wish: Wish, tally: Tally, seconds: float) -> Summary:
    return Summary(
        file=shown(wish.file),
        rows=tally.rows,
        created=tally.results["created"],
        duplicate=tally.results["duplicate"],
        valid=tally.results["valid"],
        refused=tally.results["refused"],
        seconds=round(seconds, 2),
        report=shown(wish.report) if wish.report else None,
        refusals=tally.refusals,
    )


def _met(group: Sequence[Row], hand_over: _HandOver) -> list[Fate]:
    """What became of a group of rows, in their order."""
    answers = iter(hand_over([row.draft for row in group if row.draft is not None]))
    return [_refused(row) if row.draft is None else _answered(row, next(answers)) for row in group]


def _refused(row: Row) -> Fate:
    return Fate(row=row.number, line=row.line, result="refused", id=None, reason=row.reason)


def _answered(row: Row, answer: Enqueued) -> Fate:
    return Fate(
        row=row.number, line=row.line, result=answer.result, id=answer.id, reason=answer.reason
    )


@contextmanager
def _telling_how_far(screen: Screen, tally: Tally, total: int, wish: Wish) -> Iterator[None]:
    """Adds to what went wrong how many rows are safe, and how to go on."""
    try:
        yield
    except MessagingError as error:
        raise type(error)(f"{error}\n{_how_far(tally, total, wish)}") from error
    except KeyboardInterrupt:
        screen.doubtful(f"Stopped. {_how_far(tally, total, wish)}")
        raise


def _how_far(tally: Tally, total: int, wish: Wish) -> str:
    if wish.dry_run:
        return "Nothing was handed over."
    again = (
        "Run it again: what was handed over is not handed over twice."
        if wish.key_prefix
        else "To go on, keep only the rows that follow, or give each row an idempotency_key."
    )
    return (
        f"{tally.rows:,} of {total:,} rows are dealt with, and perhaps the {_GROUP:,} after them. "
        f"{again}"
    )
