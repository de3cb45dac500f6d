"""Finds texts to us whose webhook never came, while our web process was down for instance.

Twilio tries a webhook once or twice. Its list shows the text for good: a STOP must not be missed.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter

from messaging import events
from messaging.domain.answers import Listed, Unanswered
from messaging.domain.erasure import Keyring
from messaging.domain.inbound import Inbound, of_list
from messaging.domain.job import Phone
from messaging.domain.keywords import Keywords, Word
from messaging.postgres import consent, erasure, missed
from messaging.postgres.jobs import Postgres
from messaging.postgres.missed import Times, Turn
from messaging.runtime import Runtime
from messaging.steps.standing import by_hash, opted_out

_OVERLAP = timedelta(minutes=10)
"""What is read again: clocks differ, and a list may be late."""
_FIRST = timedelta(days=1)
"""How far back the very first look goes."""
_YOUNG = timedelta(minutes=2)
"""What was sent within this may still be brought by its webhook."""


def find(rt: Runtime) -> int:
    """Reads the list of texts to each of our numbers from where it was last read; how many had been
    missed. What they say holds once they are committed; the sweep does the rest of a STOP.

    While Twilio refuses or fails it is left alone: the next look reads on from the same place.
    Raises what Postgres or Redis raises where it is away.
    """
    every = rt.settings.missed_texts_every
    if every is None or any(one.is_open for one in rt.throttle.breakers.standing()):
        return 0
    numbers = rt.twilio.numbers()
    if isinstance(numbers, Unanswered):
        events.inbound_unread(reason=numbers.reason)
        return 0
    times = Times(every=every / 2, overlap=_OVERLAP, first=_FIRST, young=_YOUNG)
    keywords, found = rt.settings.keywords, 0
    for number in numbers:
        with rt.db.connection() as conn:
            turn = missed.begin_reading(conn, number, times)
        if turn is not None:
            found += _find_at(rt, number, turn, keywords)
        if rt.stopping.is_set():
            break
    return found


def _find_at(rt: Runtime, number: str, turn: Turn, keywords: Keywords) -> int:
    """How many texts to this number had been missed. Only a list that was read to its end counts as
    read: whoever dies before that leaves it to the next look, which finds nothing twice."""
    found = 0
    for part in rt.twilio.arrivals(number, turn.since):
        if isinstance(part, Unanswered):
            events.inbound_unread(reason=part.reason)
            return found
        found += _record(rt, part, turn, keywords)
        if rt.stopping.is_set():
            return found
    with rt.db.connection() as conn:
        missed.end_reading(conn, number, turn)
    return found


def _record(rt: Runtime, part: tuple[Listed, ...], turn: Turn, keywords: Keywords) -> int:
    listed = [of_list(message, keywords) for message in part]
    texts: dict[str, Inbound] = {text.sid: text for text in listed if text}
    if not texts:
        return 0
    with rt.db.connection() as conn:
        heeded, erased = _beside_erased(conn, list(texts.values()), rt.settings.keyring)
        found = missed.record_missed(conn, heeded, turn.until, erased)
    for one in found:
        word = texts[one.sid].reading.word
        events.inbound_found(sid=one.sid, word=word, was_outdone=one.was_outdone)
    return len(found)


def _beside_erased(
    conn: Postgres, texts: Sequence[Inbound], keyring: Keyring
) -> tuple[Sequence[Inbound], Collection[Phone]]:
    """These texts, and those of their numbers that were erased after a STOP.

    A START that was sent before what such a number said last is an ordinary text; so is each one
    while a key is missing: then nobody knows, and the STOP counts.
    """
    starting = {Phone(text.sender) for text in texts if text.reading.word is Word.START}
    if not starting:
        return texts, ()
    known_as = by_hash(starting, keyring)
    sayings = erasure.sayings(conn, list(known_as))
    since = {known_as[one.whom]: one.since for one in sorted(sayings, key=attrgetter("since"))}
    is_known = not keyring.missing(consent.standings(conn, starting).keys)

    def outdone(text: Inbound) -> bool:
        last = since.get(Phone(text.sender))
        is_later = last is None or (text.sent_at is not None and text.sent_at > last)
        return text.reading.word is Word.START and not (is_known and is_later)

    heeded = [
        replace(text, reading=replace(text.reading, word=None)) if outdone(text) else text
        for text in texts
    ]
    return heeded, opted_out(known_as, sayings)
