"""Erases a number: what waits for it ends, and then number and words go from all that is kept.

Each step is a transaction of its own and may be repeated: after a crash the whole is run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from uuid import UUID

from messaging.domain.answers import Deleting
from messaging.domain.consent import CATEGORIES, Consent, last_word
from messaging.domain.erasure import PASSING, Key, why_not
from messaging.domain.job import JobId, Phone, Sid
from messaging.domain.spelling import Patterns
from messaging.domain.wording import count
from messaging.errors import Refused
from messaging.postgres import erasure
from messaging.runtime import Runtime

_PATIENCE = timedelta(seconds=30)
"""Longer than a send takes from its claim to its end."""
_LOOK_AGAIN = timedelta(milliseconds=100)
_LOOKED = 5000
"""Messages looked at in one go, which takes some hundredths of a second."""
_MOST = 500
"""Rows in one transaction."""
_FIRST = JobId(UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An erasure that is on record, and how many messages that waited it has ended."""

    id: int
    phone: Phone
    withdrawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much this run erased. `opted_out`: the number is still not texted.

    `mentions` are messages to others that tell the number; they are left alone.
    """

    messages: int
    inbound: int
    ledger: int
    others: int
    opted_out: bool
    mentions: Sequence[JobId]


def begin(rt: Runtime, phone: Phone, by: str | None) -> Begun:
    """Puts the erasure on record, and ends all that waits for the number.

    Raises Refused where no key is set, and Misconfigured where one is missing that an earlier word
    of this number may be kept with.
    """
    _key(rt)
    keyring = rt.settings.keyring
    with rt.db.connection() as conn:
        keyring.require(key.id for key in erasure.keys(conn) if key.given_up_at is None)
        id = erasure.begin(conn, keyring.whoms(phone), by)
    written = Patterns(phone).recipient(rt.settings.default_region)
    with rt.db.connection() as conn:
        ended = erasure.withdraw(conn, id, phone, written)
    return Begun(id=id, phone=phone, withdrawn=ended)


def erase(rt: Runtime, begun: Begun, *, at_twilio: bool = False) -> Erased:
    """Erases a number of which nothing waits any more; with `at_twilio` also Twilio's records.

    Raises Refused where something of it is not over, or Twilio does not delete a record: what is
    left is done when it is begun and erased again.
    """
    key = _key(rt)
    _wait_until_it_is_over(rt, begun.phone)
    messages, mentions = _messages(rt, begun, at_twilio=at_twilio)
    inbound = _inbound(rt, begun, at_twilio=at_twilio)
    others = _elsewhere(rt, begun)
    ledger = _consent(rt, begun, key)
    with rt.db.connection() as conn:
        erasure.forget_samples(conn)
        erasure.finish(conn, begun.id)
    return Erased(
        messages=messages,
        inbound=inbound,
        ledger=ledger,
        others=others,
        opted_out=_is_opted_out(rt, begun.phone),
        mentions=mentions,
    )


def _key(rt: Runtime) -> Key:
    key = rt.settings.keyring.first
    if key is None:
        raise Refused(
            "Set MESSAGING_ERASURE_KEY first, here and wherever texts are sent: without a key, "
            "nobody would know any more that the number has opted out. `openssl rand -hex 32` "
            "makes one; keep it as long as the database."
        )
    return key


def _wait_until_it_is_over(rt: Runtime, phone: Phone) -> None:
    until = rt.monotonic() + _PATIENCE.total_seconds()
    while True:
        with rt.db.connection() as conn:
            standing = erasure.hindrances(conn, phone)
        if not standing:
            return
        late = rt.monotonic() >= until or rt.stopping.is_set()
        if late or not standing.keys() <= PASSING:
            raise Refused(why_not(standing))
        rt.wait(_LOOK_AGAIN)


def _messages(rt: Runtime, begun: Begun, *, at_twilio: bool) -> tuple[int, list[JobId]]:
    anywhere = Patterns(begun.phone).anywhere
    erased, mentions, after = 0, list[JobId](), _FIRST
    while True:
        with rt.db.connection() as conn:
            found = erasure.find(conn, begun.phone, anywhere, after, _LOOKED)
        if found.last is None:
            return erased, mentions
        if at_twilio:
            _delete_at_twilio(rt, found.sids)
        for jobs in _batches(found.jobs):
            with rt.db.connection() as conn:
                erased += erasure.erase_jobs(conn, begun.id, jobs, anywhere)
        mentions += found.mentions
        after = found.last


def _inbound(rt: Runtime, begun: Begun, *, at_twilio: bool) -> int:
    erased = 0
    while True:
        with rt.db.connection() as conn:
            sids = erasure.inbound_sids(conn, begun.phone, _MOST)
        if not sids:
            return erased
        if at_twilio:
            _delete_at_twilio(rt, sids)
        with rt.db.connection() as conn:
            erased += erasure.erase_inbound(conn, begun.id, begun.phone, sids)


def _elsewhere(rt: Runtime, begun: Begun) -> int:
    anywhere = Patterns(begun.phone).anywhere
    with rt.db.connection() as conn:
        return erasure.erase_elsewhere(conn, begun.id, begun.phone, anywhere)


def _consent(rt: Runtime, begun: Begun, key: Key) -> int:
    whoms = rt.settings.keyring.whoms(begun.phone)
    with rt.db.connection() as conn:
        return erasure.erase_consent(conn, begun.id, begun.phone, whoms, key)


def _delete_at_twilio(rt: Runtime, sids: Sequence[Sid]) -> None:
    answers = rt.twilio.delete(sids)
    under_way = answers.count(Deleting.UNDER_WAY)
    if under_way:
        raise Refused(
            f"Twilio has not ended {count(under_way, 'text')} of this number, and deletes none "
            "before (20009). Run the command again in some minutes."
        )
    silent = answers.count(Deleting.UNANSWERED)
    if silent:
        raise Refused(
            f"Twilio did not say that it has deleted {count(silent, 'text')} of this number: "
            "`messaging check` tells whether it answers. Run the command again."
        )


def _is_opted_out(rt: Runtime, phone: Phone) -> bool:
    with rt.db.connection() as conn:
        known = erasure.sayings(conn, rt.settings.keyring.whoms(phone))
    said = [one.said for one in known]
    return any(last_word(said, category) is Consent.OPTED_OUT for category in CATEGORIES)


def _batches(jobs: Sequence[JobId]) -> list[Sequence[JobId]]:
    left = iter(jobs)
    return list(iter(lambda: list(islice(left, _MOST)), []))
