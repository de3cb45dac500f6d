"""Postgres, our schema in it, pgmq, the queues, and its clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from messaging.commands.checks import templates
from messaging.commands.checks.finding import Finding, ok, skipped, trouble, warning
from messaging.commands.database import answering, database, place
from messaging.commands.migrating import CHANGED
from messaging.domain.wording import count, span
from messaging.errors import MessagingError
from messaging.local import clock
from messaging.outages import reason_of
from messaging.postgres import connect, figures, migrate, queues, reading
from messaging.postgres.figures import Versions
from messaging.postgres.jobs import Postgres
from messaging.settings import Settings

OLDEST = 15
"""The oldest PostgreSQL that the migrations are tested with."""
SKEW = timedelta(seconds=2)
"""Clocks that differ by more want a look."""

_FAR_BEHIND = 60.0
"""Seconds after which a replica wants a look."""

_MIGRATE = "Run `messaging migrate`."
_REST = ("direct", "migrations", "pgmq", "queues", "clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The findings; `ahead` is how far the database's clock is ahead of this machine's."""

    findings: list[Finding]
    ahead: timedelta | None


def look(settings: Settings) -> Looked:
    """Looks at all that Postgres can tell."""
    url = settings.database_url.get_secret_value()
    try:
        with database(settings) as conn:
            before = clock.now()
            versions = figures.versions(conn)
            ahead = versions.clock - (before + (clock.now() - before) / 2)
            findings = [*_inside(settings, conn, versions), _clock(ahead)]
    except MessagingError as error:
        rest = [skipped(name, "Not looked at: the database does not answer.") for name in _REST]
        return Looked(findings=[trouble("database", str(error), ""), *rest], ahead=None)
    return Looked(findings=[_server(versions, place(url)), *findings], ahead=ahead)


def _server(versions: Versions, where: str) -> Finding:
    what = f"PostgreSQL {versions.postgres} at {where}"
    if int(versions.postgres.split(".")[0]) < OLDEST:
        return trouble("database", what, f"Use PostgreSQL {OLDEST} or later.")
    return ok("database", what)


def _inside(settings: Settings, conn: Postgres, versions: Versions) -> Iterator[Finding]:
    yield _direct(settings.direct_url)
    if settings.database_read_url:
        yield _replica(settings)
    yield _migrations(settings.direct_url)
    if versions.pgmq is None:
        yield trouble("pgmq", "It is not installed.", _MIGRATE)
        yield skipped("queues", "Not looked at: there is no pgmq.")
        return
    yield ok("pgmq", versions.pgmq)
    yield _queues(settings, conn)
    yield from templates.look(conn, settings.database_url.get_secret_value())


def _direct(url: str) -> Finding:
    try:
        with answering(url):
            is_shared = connect.is_shared(url)
    except MessagingError as error:
        return trouble("direct", str(error), "Check DATABASE_DIRECT_URL.")
    if is_shared:
        return trouble(
            "direct",
            f"There is a transaction pooler at {place(url)}: no LISTEN and no lock holds there, "
            "and the bridge soon stands still.",
            "Set DATABASE_DIRECT_URL to the database itself, or to a session pooler.",
        )
    return ok("direct", "sessions hold, for LISTEN and locks")


def _replica(settings: Settings) -> Finding:
    """Only asked where one is set."""
    told: list[psycopg.Error] = []
    with answering(settings.database_url.get_secret_value()):
        behind = reading.read(settings, figures.versions, told.append).behind
    advice = "Figures and messages are read from the database meanwhile. Check DATABASE_READ_URL."
    if behind is None:
        return warning("replica", f"It was not read: {reason_of(told[0])}.", advice)
    what = f"{span(timedelta(seconds=behind))} behind"
    if behind >= _FAR_BEHIND:
        return warning("replica", what, "What commands and /metrics show is that old.")
    return ok("replica", what)


def _migrations(url: str) -> Finding:
    try:
        with answering(url):
            standing = migrate.standing(url)
    except MessagingError as error:
        return trouble("migrations", str(error), "Check DATABASE_DIRECT_URL.")
    changed = [one.migration.version for one in standing if one.changed]
    if changed:
        return trouble("migrations", f"Changed since: {', '.join(changed)}", CHANGED)
    missing = sum(not one.applied for one in standing)
    if missing:
        return trouble("migrations", f"{count(missing, 'migration')} missing.", _MIGRATE)
    return ok("migrations", f"up to date, {len(standing)} applied")


def _queues(settings: Settings, conn: Postgres) -> Finding:
    try:
        with answering(settings.database_url.get_secret_value()):
            depths = {depth.lane: depth.queue_length for depth in queues.depths(conn)}
    except MessagingError:
        return trouble("queues", "They are not there, or not to be read by this user.", _MIGRATE)
    what = ", ".join(f"{lane} {length:,}" for lane, length in depths.items())
    if depths.get("dead"):
        return warning(
            "queues",
            what,
            "The dead letters are entries that nobody could read: `messaging dead list "
            "--status unreadable` tells why.",
        )
    return ok("queues", what)


def _clock(ahead: timedelta) -> Finding:
    if abs(ahead) > SKEW:
        way = "ahead of" if ahead > timedelta(0) else "behind"
        return warning(
            "clock",
            f"The database's clock is {span(ahead)} {way} this machine's.",
            "Messages go by the database's: see that both are kept right (NTP).",
        )
    return ok("clock", f"the database's and this machine's agree within {SKEW.seconds} s")
