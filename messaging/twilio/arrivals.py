"""Texts to our numbers, as Twilio lists them: newest first, page after page, a number at a time.

Twilio's list has no filter by direction (Messages resource): asked by `To` with one of our
numbers, it shows nothing of what we send.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from messaging.domain.answers import Listed, Unanswered
from messaging.settings import Settings
from messaging.twilio import classify
from messaging.twilio.api import Api
from messaging.twilio.history import Ask, Place, read
from messaging.twilio.stages import Failed

MOST_PAGES = 200
"""A hundred thousand texts to one number since the last look: a person must see to that."""
_POOLS = {"PhoneNumbers": "phone_number", "ShortCodes": "short_code"}


async def numbers(api: Api, settings: Settings) -> tuple[str, ...] | Unanswered:
    """The numbers that people may answer to: those of the Messaging Service, and TWILIO_FROM."""
    found = [settings.twilio_from] if settings.twilio_from else []
    service = settings.twilio_messaging_service_sid
    for kind in _POOLS if service else ():
        pool = await _pool(api, service or "", kind)
        if isinstance(pool, Unanswered):
            return pool
        found += pool
    return tuple(dict.fromkeys(number for number in found if any(map(str.isdigit, number))))


def pages(ask: Ask, number: str, since: datetime) -> Iterator[tuple[Listed, ...] | Unanswered]:
    """Texts to a number that were sent since then, in parts. Unanswered comes last, if at all: then
    not all were seen. It is not asked for again here: there is another look soon."""
    begin, place = since.replace(microsecond=0), Place(to=number)
    for _ in range(MOST_PAGES):
        page = ask(lambda api, place=place: read(api, place))  # type: ignore[misc]
        if isinstance(page, Unanswered):
            yield page
            return
        yield tuple(one for one in page.messages if _is_since(one, begin))
        is_old = bool(page.messages) and not _is_since(page.messages[-1], begin)
        if page.next_uri is None or is_old:
            return
        place = replace(place, uri=page.next_uri)
    yield Unanswered(reason=f"Twilio lists more than {MOST_PAGES} pages of texts to one number.")


def _is_since(message: Listed, begin: datetime) -> bool:
    sent_at = message.date_sent or message.date_created
    return sent_at is None or sent_at >= begin


async def _pool(api: Api, service: str, kind: str) -> list[str] | Unanswered:
    try:
        response = await api.pool(service, kind)
    except Failed as failed:
        return Unanswered(reason=failed.reason)
    if response.status_code != 200:
        code = classify.code_of(response.text)
        with_code = f" with its error {code}" if code else ""
        return Unanswered(reason=f"Twilio answered HTTP {response.status_code}{with_code}.")
    try:
        return _numbers_in(response.text, kind)
    except (ValueError, TypeError, KeyError) as error:
        return Unanswered(reason=f"The numbers of the service could not be read: {error!r}.")


def _numbers_in(text: str, kind: str) -> list[str]:
    said = json.loads(text)
    if said["meta"].get("next_page_url"):
        raise ValueError("more than a thousand")
    records = said[said["meta"]["key"]]
    return [str(record[_POOLS[kind]]) for record in records]
