"""Alerts: which figures are bad, and what follows from that for those that are known already.

An alert fires once, when something has been wrong for a while, and is resolved once, when it has
been well for a while: what flickers makes one alert.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf, isinf
from typing import TypeAlias

from messaging.domain.wording import count, span


class Name(StrEnum):
    """What there are alerts for. `docs/how-to/alerts.md` tells what each means."""

    SILENT = "silent"
    SENDING_PAUSED = "sending_paused"
    REDIS_AWAY = "redis_away"
    QUEUE_DEPTH = "queue_depth"
    QUEUE_AGE = "queue_age"
    FAILURE_RATE = "failure_rate"
    IN_DOUBT = "in_doubt"
    HELD = "held"
    DEAD_LETTERS = "dead_letters"
    CLOCK_SKEW = "clock_skew"
    BLOAT = "bloat"
    STOPPED = "stopped"
    CAP_REACHED = "cap_reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A figure now, and of what; `value` is None where it could not be read.

    `detail` is what is known besides, in words without anything personal.
    """

    name: str
    subject: str
    value: float | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that is wrong, or was a short while ago; told already where `fired_at` is set."""

    name: str
    subject: str
    since: datetime
    seen_at: datetime
    fired_at: datetime | None
    value: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """It is wrong for the first time."""

    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """It is still wrong; nothing is to be told, now or again."""

    alert: Alert
    value: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """It has been wrong for long enough to be told."""

    alert: Alert
    value: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """It has been well for long enough; to be told if it had fired."""

    alert: Alert
    value: float


Change: TypeAlias = Began | Seen | Fired | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When an alert fires: the least bad figure of each kind, where 0 means never, and for how
    long it must be bad or well.
    """

    thresholds: Mapping[Name, float]
    patience: timedelta
    calm: timedelta

    def is_bad(self, reading: Reading) -> bool | None:
        """Whether this figure is one to alert about; None where it is not known."""
        if reading.value is None:
            return None
        threshold = self.thresholds.get(Name(reading.name), 0.0)
        return 0 < threshold <= reading.value


def changes(
    rules: Rules, now: datetime, known: Iterable[Alert], readings: Sequence[Reading]
) -> list[Change]:
    """What follows from the figures of this moment for the alerts that are known."""
    alerts = {(alert.name, alert.subject): alert for alert in known}
    found: list[Change] = []
    for reading in readings:
        alert = alerts.pop((reading.name, reading.subject), None)
        found += _of_reading(rules, now, alert, reading)
    for alert in alerts.values():  # of a kind, or of something, that is no more
        found += _of_the_well(rules, now, alert, 0.0)
    return found


def _of_reading(
    rules: Rules, now: datetime, alert: Alert | None, reading: Reading
) -> Iterator[Change]:
    is_bad, value = rules.is_bad(reading), reading.value
    if is_bad is None or value is None:
        return
    if not is_bad and alert:
        yield from _of_the_well(rules, now, alert, value)
    elif is_bad and alert is None:
        yield Began(reading=reading)
    elif is_bad and alert:
        is_due = alert.fired_at is None and now - alert.since >= rules.patience
        change = Fired if is_due else Seen
        yield change(alert=alert, value=value, detail=reading.detail)


def _of_the_well(rules: Rules, now: datetime, alert: Alert, value: float) -> Iterator[Change]:
    # What nobody was told of is forgotten sooner: two short troubles are not a long one.
    calm = rules.calm if alert.fired_at else min(rules.calm, rules.patience)
    if now - alert.seen_at >= calm:
        yield Ended(alert=alert, value=value)


_ROLES = {
    "web": "the web process",
    "worker": "a worker",
    "bridge": "the bridge",
    "beat": "beat",
}
ADVICE: Mapping[Name, str] = {
    Name.SILENT: "Restart it: `messaging probe` tells which one hangs on its machine.",
    Name.SENDING_PAUSED: "Put right what Twilio refuses; it is tried again by itself.",
    Name.REDIS_AWAY: "Nothing is sent without Redis: see that it runs.",
    Name.QUEUE_DEPTH: "Start more workers, or raise the rate limit.",
    Name.QUEUE_AGE: "See that workers and the bridge run, and that sending is not paused.",
    Name.FAILURE_RATE: "`messaging stats` tells the reasons.",
    Name.IN_DOUBT: "Twilio's answers get lost: see whether it, or the network, is in trouble.",
    Name.HELD: "Decide about them: `messaging held`.",
    Name.DEAD_LETTERS: "Somebody wrote what is no message: `messaging dead list` tells why.",
    Name.CLOCK_SKEW: "See that all clocks are kept right (NTP).",
    Name.BLOAT: "See what keeps vacuum from it: an old transaction, or autovacuum switched off.",
    Name.STOPPED: "`messaging stops` tells who stopped it and why; `messaging resume` ends it.",
    Name.CAP_REACHED: "See whether so much is wanted; it goes on in the next hour or day (UTC).",
}
"""What to do about each."""


def sentence(name: str, subject: str, value: float, detail: str = "") -> str:
    """What is wrong, in a sentence without anything personal in it; or in several."""
    match Name(name):
        case Name.SILENT:
            who = _ROLES.get(subject, subject)
            if isinf(value):
                return f"No sign of life of {who}: none runs."
            return f"No sign of life of {who} for {_span(value)}."
        case Name.SENDING_PAUSED:
            return f"Nothing is sent with our {subject}. {detail}".rstrip()
        case Name.REDIS_AWAY:
            return "Redis does not answer."
        case Name.QUEUE_DEPTH:
            return f"{count(int(value), 'entry', 'entries')} or more in the {subject} queue."
        case Name.QUEUE_AGE:
            return f"The oldest pending job has been due for {_span(value)}."
        case Name.FAILURE_RATE:
            return f"{value:.0%} of the latest texts failed or did not arrive."
        case Name.IN_DOUBT:
            return f"{count(int(value), 'job')} or more in doubt."
        case Name.HELD:
            return f"{count(int(value), 'job')} or more held for a person."
        case Name.DEAD_LETTERS:
            return f"{count(int(value), 'queue entry', 'queue entries')} or more nobody could read."
        case Name.CLOCK_SKEW:
            return f"Clocks differ by {_span(value)} from the database's."
        case Name.BLOAT:
            return f"{value:.0%} of the rows of {subject} are dead."
        case Name.STOPPED:
            return f"Sending is stopped: {subject}."
        case Name.CAP_REACHED:
            return "A cap leaves no room for what waits."


def finite(value: float) -> float | None:
    """The figure, or None for one that has no end: JSON has no word for that."""
    return None if value == inf else value


def _span(seconds: float) -> str:
    return span(timedelta(seconds=seconds))
