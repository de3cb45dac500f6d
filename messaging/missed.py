"""Finds texts to us whose webhook never came, while our web process was down for instance.

Twilio tries a webhook once or twice. Its list shows the text for good: a STOP must not be missed.
"""

from datetime import timedelta

from messaging import events
from messaging.domain.answers import Listed, Unanswered
from messaging.domain.consent import ALL, Consent, last_word
from messaging.domain.inbound import Inbound, of_list
from messaging.domain.job import Phone
from messaging.domain.keywords import Keywords
from messaging.postgres import missed
from messaging.postgres.missed import Times, Turn
from messaging.runtime import Runtime
from messaging.steps.standing import standings

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
        undoing = [Phone(text.sender) for text in texts.values() if text.only_undoes]
        said = standings(conn, undoing, rt.settings.keyring) if undoing else {}
        opted_out = {
            phone for phone, words in said.items() if last_word(words, ALL) is Consent.OPTED_OUT
        }
        found = missed.record_missed(conn, list(texts.values()), turn.until, opted_out)
    for one in found:
        word = texts[one.sid].reading.word
        events.inbound_found(sid=one.sid, word=word, was_outdone=one.was_outdone)
    return len(found)
