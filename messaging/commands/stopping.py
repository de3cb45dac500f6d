"""`messaging stop`, `resume` and `stops`: the kill switch, and what the caps have counted."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg
from rich.console import RenderableType
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.caps import Caps
from messaging.domain.wording import count, plain
from messaging.errors import Refused
from messaging.explanation.line import Tell
from messaging.postgres import figures, guards
from messaging.postgres.guards import Count, PastStop, Stop
from messaging.settings import load

_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """What is to be stopped or resumed, as it was typed; nothing is all."""

    lane: str | None
    country: str | None
    campaign: str | None

    @property
    def scope_and_value(self) -> tuple[str, str]:
        """As Postgres takes them. Raises Refused where more than one is given."""
        given = [(scope, value) for scope, value in asdict(self).items() if value is not None]
        if len(given) > 1:
            raise Refused("Give one of --lane, --country and --campaign, or none for all.")
        return given[0] if given else ("all", "")

    @property
    def words(self) -> str:
        """In words."""
        scope, value = self.scope_and_value
        return "everything" if scope == "all" else f"{scope} {value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What `--json` prints; `changed` is false where it was so already."""

    scope: str
    value: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a cap of the installation has counted in this hour or day."""

    span: str
    unit: str
    counted: str
    cap: str
    is_reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """What `stops --json` prints."""

    stops: Sequence[Stop]
    past: Sequence[PastStop]
    caps: Sequence[Room]


def stop(screen: Screen, what: What, reason: str, by: str | None) -> ExitCode:
    """Stops sending. Raises Refused for what cannot be stopped."""
    scope, value = what.scope_and_value
    name = name_of(by)
    with database(load()) as conn:
        try:
            changed = guards.stop(conn, scope, value, reason, name)
        except psycopg.errors.InvalidParameterValue as error:
            raise Refused(f"{error.diag.message_primary}. {error.diag.message_hint}") from None
        kept = guards.kept_by_twilio(conn)
    screen.show(Done(scope=scope, value=value, changed=changed))
    if not changed:
        screen.doubtful(f"Sending was stopped already: {what.words}.")
        return ExitCode.OK
    screen.good(f"Sending is stopped: {what.words}. Nothing starts a second from now on.")
    if kept:
        screen.doubtful(
            f"Twilio keeps {count(kept, 'text')} for later, and sends them all the same: "
            "`messaging cancel` takes one back."
        )
    return ExitCode.OK


def resume(screen: Screen, what: What, by: str | None) -> ExitCode:
    """Ends a stop; NOT_FOUND where there is none."""
    scope, value = what.scope_and_value
    name = name_of(by)
    with database(load()) as conn:
        changed = guards.resume(conn, scope, value, name)
    screen.show(Done(scope=scope, value=value, changed=changed))
    if not changed:
        screen.bad(f"There is no such stop: {what.words}. `messaging stops` lists them.")
        return ExitCode.NOT_FOUND
    screen.good(f"Sending is resumed: {what.words}.")
    return ExitCode.OK


def show_stops(screen: Screen, *, past: bool) -> ExitCode:
    """Lists what is stopped, and how much room the caps leave."""
    settings = load()
    with database(settings) as conn:
        now = figures.versions(conn).clock
        value = Stops(
            stops=guards.active_stops(conn),
            past=guards.past_stops(conn, _MOST) if past else [],
            caps=list(_rooms(settings.caps or Caps(), guards.counts(conn))),
        )
    screen.show(value, "", *_pictures(value, moments.local(now)), "")
    return ExitCode.OK


def _rooms(caps: Caps, counts: Sequence[Count]) -> Iterator[Room]:
    counted = {one.span: one for one in counts}
    for span in ("hour", "day"):
        for unit in ("messages", "segments", "usd"):
            cap = getattr(caps, f"{unit}_{span}")
            if cap is not None:
                so_far = getattr(counted[span], unit) if span in counted else 0
                yield Room(
                    span=span,
                    unit=unit,
                    counted=str(so_far),
                    cap=str(cap),
                    is_reached=so_far >= cap,
                )


def _pictures(value: Stops, tell: Tell) -> Iterator[RenderableType]:
    if value.stops:
        table = columns("stopped", "since", "by", "why", ">set aside")
        for one in value.stops:
            table.add_row(
                Text(plain(one.words), "bold red"),
                Text(tell(one.stopped_at)),
                Text(plain(one.stopped_by or "")),
                Text(plain(one.reason)),
                Text(f"{one.set_aside:,}"),
            )
        yield table
    else:
        yield Text("Nothing is stopped.", "dim")
    for past in value.past:
        yield Text(plain(_past(past, tell)), "dim")
    for room in value.caps:
        style = "bold red" if room.is_reached else ""
        yield Text(f"This {room.span}: {room.counted} of {room.cap} {room.unit}.", style)


def _past(stop: PastStop, tell: Tell) -> str:
    ended: datetime = stop.resumed_at
    return (
        f"{f'{stop.scope} {stop.value}'.strip()}: stopped {tell(stop.stopped_at)} by "
        f"{stop.stopped_by} ({stop.reason}), resumed {tell(ended)} by {stop.resumed_by}."
    )
