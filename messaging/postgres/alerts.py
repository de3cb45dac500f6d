"""Alerts and the news about them: one function for each named query of `sql/alerts.sql`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from messaging.domain.alerts import Alert, Began, Change, Ended, Fired, Reading, Seen
from messaging.domain.caps import Caps
from messaging.postgres.caps import given
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """News for one channel; `told_at` is the time of this try in seconds since 1970."""

    id: UUID
    channel: str
    name: str
    subject: str
    state: str
    value: float
    since: datetime
    at: datetime
    attempts: int
    told_at: int
    detail: str


def readings(
    conn: Postgres, limits: Mapping[str, int], silence: timedelta, caps: Caps | None = None
) -> list[Reading]:
    """The figures now, as far as Postgres has them; counts stop at their `limits`.

    Clocks count of processes that were not silent for longer than `silence`.
    """
    values = {**limits, "silence": silence, "caps": given(caps)}
    with conn.cursor(row_factory=class_row(Reading)) as cursor:
        return cursor.execute(query("alerts", "readings"), values).fetchall()


def known(conn: Postgres) -> list[Alert]:
    """All that is wrong, or was a short while ago."""
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(query("alerts", "known")).fetchall()


def clock(conn: Postgres) -> datetime:
    """The time."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        time: datetime = cursor.execute(query("alerts", "clock")).fetchall()[0]
    return time


def write(conn: Postgres, change: Change, now: datetime, channels: Sequence[str]) -> bool:
    """Writes a change and leaves the news for the channels; False where somebody was first."""
    match change:
        case Began(reading=reading):
            values = {**asdict(reading), "now": now}
            return bool(conn.execute(query("alerts", "begin_alert"), values).rowcount)
        case Seen(alert=alert, value=value, detail=detail):
            values = {**_of(alert, value, now), "detail": detail}
            return bool(conn.execute(query("alerts", "see_alert"), values).rowcount)
        case Fired(alert=alert, value=value, detail=detail):
            values = {**_of(alert, value, now), "detail": detail, "channels": list(channels)}
            return conn.execute(query("alerts", "fire_alert"), values).fetchone() is not None
        case Ended(alert=alert, value=value):
            values = {**_of(alert, value, now), "channels": list(channels)}
            return conn.execute(query("alerts", "end_alert"), values).fetchone() is not None


def take_notice(
    conn: Postgres, channels: Sequence[str], first: timedelta, longest: timedelta
) -> Notice | None:
    """The next news to tell, for this process alone until the next try; None where none are due."""
    values = {"channels": list(channels), "first": first, "longest": longest}
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(query("alerts", "take_notice"), values).fetchone()


def drop_notice(conn: Postgres, id: UUID) -> None:
    """Forgets news that were told."""
    conn.execute(query("alerts", "drop_notice"), {"id": id})


def drop_old_notices(conn: Postgres, after: timedelta) -> int:
    """Gives up news that nobody has taken for so long; how many there were."""
    return conn.execute(query("alerts", "drop_old_notices"), {"after": after}).rowcount


def be_brief(conn: Postgres) -> None:
    """Lets no statement of this transaction take longer than some seconds."""
    conn.execute(query("alerts", "be_brief"))


def firing(conn: Postgres) -> dict[str, int]:
    """How many alerts fire, by name."""
    return dict(conn.execute(query("alerts", "firing")).fetchall())


def silences(conn: Postgres) -> dict[str, float]:
    """For how many seconds the most silent process of each kind has been."""
    return dict(conn.execute(query("alerts", "silences")).fetchall())


def _of(alert: Alert, value: float, now: datetime) -> dict[str, object]:
    return {
        "name": alert.name,
        "subject": alert.subject,
        "since": alert.since,
        "seen_at": alert.seen_at,
        "value": value,
        "now": now,
    }
