"""The account's own list of messages: all that it sent since some time, a page after the other.

Twilio sorts that list by the time of sending and filters by its day (Messages resource,
DateSent), and a message that waits has no such time. So the list is read twice: the newest until
they are too old, for what waits, and all that was sent since that day. What is in both comes
twice.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from messaging.domain.answers import Listed, Unanswered
from messaging.twilio import classify, listing
from messaging.twilio.api import Api
from messaging.twilio.listing import Page
from messaging.twilio.stages import Failed

PAGE_SIZE = 500
"""Half of what Twilio allows: a page must arrive within the read timeout."""
PAUSES = (1.0, 5.0, 15.0)
"""Seconds before a page that did not come is asked for again. One page at a time, because
Twilio's 429 is about requests at once (its page on error 20429)."""
_WAITING = frozenset({"accepted", "scheduled", "queued", "sending"})
"""Messages that may have no time of sending yet, and so no place in the order."""

Question = Callable[[Api], Awaitable[Page | Unanswered]]
Ask = Callable[[Question], Page | Unanswered]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Later(Unanswered):
    """No answer now, and perhaps one soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to read on: at the beginning, or at a further page that Twilio named."""

    sent_since: date | None = None
    to: str | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """How the list is read: by whom, how far back, and how patiently."""

    ask: Ask
    begin: datetime
    pauses: Sequence[float]


def pages(
    ask: Ask, since: datetime, pauses: Sequence[float] = PAUSES
) -> Iterator[tuple[Listed, ...] | Unanswered]:
    """What the account sent and Twilio created since then, in parts; nothing after Unanswered.

    Whole seconds count, as Twilio's times have no fractions.
    """
    begin = since.replace(microsecond=0)
    reader = _Reader(ask=ask, begin=begin, pauses=pauses)
    for sent_since in (None, begin.astimezone(UTC).date()):
        for part in _walk(reader, Place(sent_since=sent_since)):
            yield part
            if isinstance(part, Unanswered):
                return


def _walk(reader: _Reader, first: Place) -> Iterator[tuple[Listed, ...] | Unanswered]:
    place: Place | None = first
    while place is not None:
        page = _patiently(reader, place)
        if isinstance(page, Unanswered):
            yield page
            return
        if place.uri and place.uri == page.next_uri:
            yield Unanswered(reason="Twilio's list goes round in a circle.")
            return
        recent = [message for message in page.messages if _is_since(message, reader.begin)]
        yield tuple(message for message in recent if message.direction.startswith("outbound"))
        place = _next(page, place, is_old=not recent and place.sent_since is None)


def _next(page: Page, place: Place, *, is_old: bool) -> Place | None:
    """The place after this page. Old pages end the walk once they show what was sent long ago."""
    reached_sent = any(message.status not in _WAITING for message in page.messages)
    if page.next_uri is None or (is_old and reached_sent):
        return None
    return replace(place, uri=page.next_uri)


def _patiently(reader: _Reader, place: Place) -> Page | Unanswered:
    for pause in reader.pauses:
        page = reader.ask(lambda api: read(api, place))
        if not isinstance(page, _Later):
            return page
        time.sleep(pause)
    return reader.ask(lambda api: read(api, place))


async def read(api: Api, place: Place) -> Page | Unanswered:
    """One page; Unanswered where it did not come, or cannot be read."""
    try:
        response = await (
            api.page(place.uri)
            if place.uri
            else api.messages(to=place.to, sent_since=place.sent_since, page_size=PAGE_SIZE)
        )
    except Failed as failed:
        return _Later(reason=failed.reason)
    if response.status_code == 429 or response.status_code >= 500:
        return _Later(reason=f"Twilio answered HTTP {response.status_code}.")
    if response.status_code != 200:
        code = classify.code_of(response.text)
        with_code = f" with its error {code}" if code else ""
        return Unanswered(reason=f"Twilio answered HTTP {response.status_code}{with_code}.")
    try:
        return listing.page(response.text)
    except (ValueError, TypeError) as error:
        return Unanswered(reason=f"Twilio's list could not be read: {error}.")


def _is_since(message: Listed, begin: datetime) -> bool:
    return message.date_created is None or message.date_created >= begin
