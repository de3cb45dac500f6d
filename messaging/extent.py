"""How far an erasure goes: what it would take of each table, counted without writing anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from messaging.domain.erasure import PASSING
from messaging.domain.job import JobId, Phone
from messaging.domain.spelling import Patterns
from messaging.postgres import erasure
from messaging.postgres.erasure import Share
from messaging.postgres.jobs import Postgres
from messaging.settings import Settings

_LOOKED = 5000
"""Messages looked at in one go, which takes some hundredths of a second."""
_FIRST = JobId(UUID(int=0))
_WITHDRAWN = frozenset({"scheduled", "pending", "retrying"})
"""Statuses that an erasure ends before it asks what is not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What an erasure would change.

    `at_twilio` are the records at Twilio that it could delete there; `hindrances` what is not over
    and does not end by itself; `mentions` messages to others that tell the number, and stay.
    """

    shares: Sequence[Share]
    at_twilio: int
    hindrances: Mapping[str, int]
    mentions: Sequence[JobId]
    unfinished: int | None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is kept of such a number, and no erasure of it is under way."""
        return not (self.shares or self.hindrances) and self.unfinished is None


def measure(conn: Postgres, settings: Settings, phone: Phone) -> Extent:
    """What an erasure of this number would change now. Looks at every message."""
    patterns, whoms = Patterns(phone), settings.keyring.whoms(phone)
    ended, telling, at_twilio, mentions = _messages(conn, phone, patterns.anywhere)
    elsewhere = erasure.shares(
        conn, phone, whoms, patterns.recipient(settings.default_region), patterns.anywhere
    )
    heard = sum(one.amount for one in elsewhere if one.place == "messaging.inbound_messages")
    shares = [
        Share(place="public.message_jobs", fate="emptied", amount=ended),
        *elsewhere,
        Share(place="messaging.message_events", fate="emptied", amount=telling),
    ]
    return Extent(
        shares=[share for share in shares if share.amount],
        at_twilio=at_twilio + heard,
        hindrances={
            what: amount
            for what, amount in erasure.hindrances(conn, phone).items()
            if what not in PASSING | _WITHDRAWN
        },
        mentions=mentions,
        unfinished=erasure.unfinished(conn, whoms),
    )


def _messages(conn: Postgres, phone: Phone, anywhere: str) -> tuple[int, int, int, Sequence[JobId]]:
    """Of the messages that have ended: how many, their lines that tell the number, their records at
    Twilio; and the messages to others that tell it."""
    ended, telling, sids, mentions, after = 0, 0, 0, list[JobId](), _FIRST
    while True:
        found = erasure.find(conn, phone, anywhere, after, _LOOKED)
        if found.last is None:
            return ended, telling, sids, mentions
        ended += len(found.jobs)
        telling += erasure.telling(conn, found.jobs, anywhere) if found.jobs else 0
        sids += len(found.sids)
        mentions += found.mentions
        after = found.last
