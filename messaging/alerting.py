"""Alerting: looks whether something is wrong, notes it once, and tells it once to each channel."""

import json
from datetime import datetime, timedelta

from messaging import events
from messaging.channels import command, webhook
from messaging.domain.alerts import (
    ADVICE,
    Alert,
    Change,
    Ended,
    Fired,
    Name,
    Reading,
    Rules,
    changes,
    finite,
    sentence,
)
from messaging.domain.standing import Standing
from messaging.domain.verdict import Scope
from messaging.postgres import alerts, heartbeats
from messaging.postgres.alerts import Notice
from messaging.redis.throttle import AWAY
from messaging.runtime import Runtime
from messaging.settings import Settings

_FORGOTTEN = timedelta(minutes=15)
"""How long a process that went without a word is missed where another one does its work."""
_GIVE_UP = timedelta(days=1)
"""How long a channel is tried."""
_FIRST, _LONGEST = timedelta(seconds=15), timedelta(minutes=15)
"""Before the second try of a channel, and at most before any; doubles with each."""


def look(rt: Runtime) -> list[Change]:
    """Compares the figures with the thresholds and writes what has changed; returns that.

    Two looks at once are harmless: what is told is won by one of them. Raises
    psycopg.OperationalError or psycopg_pool.PoolTimeout where Postgres is away.
    """
    began = rt.monotonic()
    rules = rules_of(rt.settings)
    readings = _of_redis(rt)
    with rt.db.connection() as conn:
        alerts.be_brief(conn)
        now = alerts.clock(conn)
        known = alerts.known(conn)
        readings += alerts.readings(conn, _counted(rules), _silence(rt.settings), rt.settings.caps)
    found = changes(rules, now, known, readings)
    if rt.monotonic() - began > rt.settings.pulse:
        return []  # frozen meanwhile: others know better
    written = _write(rt, found, now) if found else []
    for change in written:
        _say(change)
    _tidy(rt)
    return written


def tell(rt: Runtime) -> int:
    """Tells the channels what they have not taken yet, as far as it is due; how much they took.

    What a channel does not take is tried again later, by any process, for a day.
    """
    channels = rt.settings.alert_channels
    told = 0
    while channels and not rt.stopping.is_set() and (notice := _take(rt)):
        failure = _tell_one(rt.settings, notice)
        if failure:
            events.alert_untold(
                channel=notice.channel, name=notice.name, attempts=notice.attempts, reason=failure
            )
            continue
        with rt.db.connection() as conn:
            alerts.drop_notice(conn, notice.id)
        told += 1
    return told


def rules_of(settings: Settings) -> Rules:
    """When an alert fires, as it is set."""
    return Rules(
        thresholds={
            Name.SILENT: settings.alert_silence,
            Name.SENDING_PAUSED: 1,
            Name.REDIS_AWAY: 1,
            Name.QUEUE_DEPTH: settings.alert_queue_depth,
            Name.QUEUE_AGE: settings.alert_queue_age,
            Name.FAILURE_RATE: settings.alert_failure_rate,
            Name.IN_DOUBT: settings.alert_in_doubt,
            Name.HELD: settings.alert_held,
            Name.DEAD_LETTERS: settings.alert_dead_letters,
            Name.CLOCK_SKEW: settings.alert_clock_skew,
            Name.BLOAT: settings.alert_bloat,
            Name.STOPPED: 1,
            Name.CAP_REACHED: 1,
        },
        patience=timedelta(seconds=settings.alert_patience),
        calm=timedelta(seconds=settings.alert_calm),
    )


def _counted(rules: Rules) -> dict[str, int]:
    """How far those figures are counted that are counts."""
    counts = (Name.QUEUE_DEPTH, Name.DEAD_LETTERS, Name.IN_DOUBT, Name.HELD)
    return {name.value: int(rules.thresholds[name]) for name in counts}


def _of_redis(rt: Runtime) -> list[Reading]:
    """Whether Redis answers, and whether the breakers are open there."""
    try:
        known = rt.throttle.breakers.standing()
    except AWAY:
        away = Reading(name=Name.REDIS_AWAY, subject="", value=1.0)
        return [away, *(_paused(scope, None) for scope in Scope)]
    here = Reading(name=Name.REDIS_AWAY, subject="", value=0.0)
    return [here, *(_paused(one.scope, one) for one in known)]


def _paused(scope: Scope, standing: Standing | None) -> Reading:
    return Reading(
        name=Name.SENDING_PAUSED,
        subject=scope,
        value=None if standing is None else float(standing.is_open),
        detail=standing.sentence if standing else "",
    )


def _silence(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.alert_silence)


def _write(rt: Runtime, found: list[Change], now: datetime) -> list[Change]:
    """Writes all changes in one transaction; those that nobody else had written."""
    channels = rt.settings.alert_channels
    with rt.db.connection() as conn:
        alerts.be_brief(conn)
        return [change for change in found if alerts.write(conn, change, now, channels)]


def _say(change: Change) -> None:
    match change:
        case Fired(alert=alert, value=value, detail=detail):
            what = sentence(alert.name, alert.subject, value, detail)
            events.alert_fired(name=alert.name, subject=alert.subject, value=value, what=what)
        case Ended(alert=Alert(fired_at=fired_at) as alert, value=value) if fired_at:
            events.alert_resolved(name=alert.name, subject=alert.subject, value=value)


def _tidy(rt: Runtime) -> None:
    with rt.db.connection() as conn:
        heartbeats.forget_replaced(conn, _FORGOTTEN, _silence(rt.settings))
        given_up = alerts.drop_old_notices(conn, _GIVE_UP)
    if given_up:
        events.alerts_given_up(notices=given_up)


def _take(rt: Runtime) -> Notice | None:
    with rt.db.connection() as conn:
        return alerts.take_notice(conn, rt.settings.alert_channels, _FIRST, _LONGEST)


def _tell_one(settings: Settings, notice: Notice) -> str | None:
    """None where the channel took it, else why not."""
    body = json.dumps(_told(notice)).encode()
    url, secret = settings.alert_webhook_url, settings.alert_webhook_secret
    if notice.channel == "webhook" and url and secret:
        return webhook.post(url.get_secret_value(), secret.get_secret_value(), notice.told_at, body)
    if notice.channel == "command" and settings.alert_command:
        return command.run(settings.alert_command, body)
    return "the channel is not set here"


def _told(notice: Notice) -> dict[str, object]:
    """What a channel is told: nothing about anybody in particular."""
    return {
        "id": str(notice.id),
        "alert": notice.name,
        "subject": notice.subject,
        "state": notice.state,
        "value": finite(notice.value),
        "what": sentence(notice.name, notice.subject, notice.value, notice.detail),
        "advice": ADVICE[Name(notice.name)],
        "since": notice.since.isoformat(),
        "at": notice.at.isoformat(),
    }
