"""`messaging retention`: how long things are kept, how old they are, and what deletion does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.keeping import Kept, Kind
from messaging.domain.wording import at_least, span
from messaging.explanation.line import Tell
from messaging.postgres import figures, retention
from messaging.settings import load

_KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.SENT: ("sent messages", "MESSAGING_KEEP_JOBS_DAYS"),
    Kind.FAILED: (
        "failed messages",
        "MESSAGING_KEEP_JOBS_DAYS; unseen: MESSAGING_KEEP_DEAD_LETTERS_DAYS",
    ),
    Kind.WITHDRAWN: ("canceled, expired, suppressed", "MESSAGING_KEEP_JOBS_DAYS"),
    Kind.JOURNAL: ("journals and receipts", "MESSAGING_KEEP_JOURNAL_DAYS"),
    Kind.LETTERS: ("dead queue entries", "MESSAGING_KEEP_DEAD_LETTERS_DAYS"),
    Kind.PROCESSES: ("silent processes", "MESSAGING_KEEP_PROCESSES_DAYS"),
}
"""What each of them is, and which setting says how long it is kept. Numbers and words stand in the
messages, words in dead queue entries, too."""
_OTHERWISE = {
    "inbound": "texts to us",
    "ledger": "the ledger of consent",
    "series": "series",
    "archives": "archives of the queues",
    "cap_uses": "uses of caps (25 hours)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A kind in `--json`; `keep_days` is null for what is kept for good, `behind` null where its
    deletion keeps up."""

    kind: str
    setting: str
    keep_days: int | None
    oldest: datetime | None
    overdue: int
    has_more: bool
    ran_at: datetime | None
    finished_at: datetime
    removed_at: datetime | None
    removed_today: int
    removed_in_all: int
    behind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What `--json` prints; `otherwise` has the oldest of what no setting deletes."""

    kinds: Sequence[Line]
    otherwise: Mapping[str, datetime | None]
    replica_behind: float | None


def show(screen: Screen) -> ExitCode:
    """Tells of each kind how long it is kept and what its deletion has done.

    UNSUCCESSFUL where one does not keep up.
    """
    settings = load()
    times = settings.times
    seen = look(
        screen,
        settings,
        lambda conn: (
            retention.kept(conn, times),
            retention.kept_otherwise(conn),
            figures.versions(conn).clock,
        ),
    )
    kept, otherwise, now = seen.value
    value = Retention(
        kinds=[_line(one) for one in kept], otherwise=otherwise, replica_behind=seen.behind
    )
    tell = moments.local(now)
    screen.show(value, "", _table(kept, tell), "", _rest(otherwise, tell), "")
    late = [f"{_KINDS[one.kind][0]}: {one.behind}" for one in kept if one.behind]
    if late:
        screen.doubtful(f"Deletion does not keep up. {'; '.join(late)}.")
    return ExitCode.UNSUCCESSFUL if late else ExitCode.OK


def _line(one: Kept) -> Line:
    return Line(
        kind=one.kind,
        setting=_KINDS[one.kind][1],
        keep_days=one.keep.days if one.keep else None,
        oldest=one.oldest,
        overdue=one.overdue,
        has_more=one.has_more,
        ran_at=one.ran_at,
        finished_at=one.finished_at,
        removed_at=one.removed_at,
        removed_today=one.removed_today,
        removed_in_all=one.removed_in_all,
        behind=one.behind,
    )


def _table(kept: Sequence[Kept], tell: Tell) -> Table:
    table = columns(
        "what", "kept for", "oldest", ">overdue", "last run", ">gone today", ">in all", "setting"
    )
    for one in kept:
        what, setting = _KINDS[one.kind]
        table.add_row(
            Text(what, "bold"),
            Text(span(one.keep) if one.keep else "good"),
            Text(_time(one.oldest, tell)),
            Text(at_least(one.overdue, has_more=one.has_more), "yellow" if one.behind else ""),
            Text(tell(one.ran_at) if one.ran_at else "never", "yellow" if one.behind else ""),
            Text(f"{one.removed_today:,}"),
            Text(f"{one.removed_in_all:,}"),
            Text(setting, "dim"),
        )
    return table


def _rest(otherwise: Mapping[str, datetime | None], tell: Tell) -> Table:
    table = columns("deleted by no setting", "oldest")
    for kind, oldest in otherwise.items():
        table.add_row(Text(_OTHERWISE[kind], "bold"), Text(_time(oldest, tell)))
    return table


def _time(time: datetime | None, tell: Tell) -> str:
    return "none" if time is None else tell(time)
