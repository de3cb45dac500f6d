"""`messaging series`: reminders that come again and again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rich.text import Text

from messaging import recurring
from messaging.commands.categories import category
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.moments import wall_clock
from messaging.commands.pairs import pairs
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.draft import Draft
from messaging.domain.phone import mask
from messaging.domain.series import SeriesId, upcoming
from messaging.domain.wording import plain
from messaging.errors import NotFound, Refused
from messaging.postgres import series
from messaging.postgres.jobs import Postgres
from messaging.postgres.series import Row
from messaging.settings import load

_LISTED = 200
_LATEST = 10
_CHANGES: Mapping[str, Callable[[Postgres, SeriesId], str]] = {
    "paused": recurring.pause,
    "active": recurring.resume,
    "stopped": recurring.stop,
}
_SAID = {
    "paused": "It rests, and what had not gone out is canceled.",
    "active": "It goes on.",
    "stopped": "It is stopped, and what had not gone out is canceled.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed, as it was typed."""

    to: str
    rule: str
    start: str
    zone: str | None
    body: str | None
    template: str | None
    variables: tuple[str, ...]
    category: str | None
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What `series add --json` prints."""

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What the commands that change one print; `result` is its status, or `too_late`."""

    id: UUID
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A series; times are on its clocks, without a zone. `next` is None where none is to come."""

    id: UUID
    to: str
    status: str
    reason: str | None
    rule: str
    starts_at: str
    time_zone: str
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a series; `local_time` is on its clocks."""

    local_time: str
    id: UUID
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `series show --json` prints."""

    series: Listed
    latest: Sequence[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `series list --json` prints."""

    series: Sequence[Listed]


def add(screen: Screen, wish: Wish) -> ExitCode:
    """Adds a series. Raises Refused with what to change."""
    settings = load()
    draft = Draft(
        to=wish.to,
        body=wish.body,
        template=wish.template,
        variables=pairs(wish.variables, "--var"),
        priority=wish.priority,
        category=category(wish.category),
    )
    starts_at = wall_clock(wish.start, "--start")
    with database(settings) as conn:
        id = recurring.add(
            conn, settings, draft, rule=wish.rule, starts_at=starts_at, time_zone=wish.zone
        )
    screen.show(Added(id=id), str(id))
    return ExitCode.OK


def show_all(screen: Screen) -> ExitCode:
    """Lists the series, the newest first."""
    with database(load()) as conn:
        listed = [_listed(row) for row in series.all_of_them(conn, _LISTED)]
    table = columns("series", "to", "status", "rule", "next, on its clocks")
    for one in listed:
        table.add_row(
            Text(str(one.id), "bold"),
            Text(one.to),
            Text(one.status),
            Text(plain(one.rule)),
            Text(_on_clock(one)),
        )
    nothing = "There are none: `messaging series add` makes one."
    screen.show(AllOfThem(series=listed), *(["", table, ""] if listed else [nothing]))
    return ExitCode.OK


def show(screen: Screen, id: UUID) -> ExitCode:
    """Shows a series and its latest messages. Raises NotFound."""
    with database(load()) as conn:
        row = series.show(conn, SeriesId(id))
        if row is None:
            raise NotFound(f"There is no series {id}.")
        latest = series.messages_of(conn, SeriesId(id), _LATEST)
    listed = _listed(row)
    made = [
        Message(local_time=one.local_time.isoformat(), id=one.job_id, status=one.status)
        for one in latest
    ]
    table = columns("time, on its clocks", "message", "status")
    for one in made:
        table.add_row(_told(one.local_time), str(one.id), one.status or "deleted")
    heading = f"{listed.id}  to {listed.to}  {listed.status}"
    when = f"{plain(listed.rule)}, from {_told(listed.starts_at)} in {listed.time_zone}"
    why = plain(listed.reason or "")
    screen.show(
        Shown(series=listed, latest=made),
        "",
        Text(heading, "bold"),
        Text(when),
        Text(why or f"Next: {_on_clock(listed) or 'none'}"),
        "",
        table if made else "",
    )
    return ExitCode.OK


def change(screen: Screen, id: UUID, wanted: str) -> ExitCode:
    """Makes a series `paused`, `active` or `stopped`; UNSUCCESSFUL where it is too late.

    Raises NotFound.
    """
    with database(load()) as conn:
        result = _CHANGES[wanted](conn, SeriesId(id))
    if screen.json:
        screen.show(Changed(id=id, result=result))
    if result != wanted:
        screen.bad("It is too late: it has ended, is stopped, or was refused.")
        return ExitCode.UNSUCCESSFUL
    screen.good(_SAID[wanted])
    return ExitCode.OK


def _listed(row: Row) -> Listed:
    return Listed(
        id=row.id,
        to=mask(str(row.draft.get("recipient_phone", ""))),
        status=row.status,
        reason=row.reason,
        rule=row.rule,
        starts_at=row.starts_at.isoformat(),
        time_zone=row.time_zone,
        next=_next(row),
    )


def _next(row: Row) -> str | None:
    """One that somebody stored with SQL may not be readable: then none."""
    if row.status not in ("active", "ended"):
        return None
    try:
        following = upcoming(row.recurrence, row.now)
    except Refused:
        return None
    return following.local_time.isoformat() if following else None


def _on_clock(one: Listed) -> str:
    return f"{_told(one.next)} in {one.time_zone}" if one.next else ""


def _told(local_time: str) -> str:
    return f"{datetime.fromisoformat(local_time):%d %b %Y %H:%M}"
