"""What we ask Twilio about messages that it has: look one up, look for one, cancel one, delete one.

Only a clean answer counts. Whatever else comes is Unanswered, and proves nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from twilio.http.response import Response

from messaging.domain.answers import Canceling, Deleting, Listed, Unanswered
from messaging.domain.job import Phone, Sid
from messaging.twilio import classify, listing
from messaging.twilio.api import Api
from messaging.twilio.stages import Failed

PAGE_SIZE = 100
MOST_PAGES = 10
"""A thousand texts to one number since a send: something else is wrong then."""
_AT_A_TIME = 50
"""Cancellations under way at once: a STOP may reach hundreds of texts that Twilio keeps."""
_DELETIONS = 10
"""Deletions under way at once: nobody waits for them, and sending needs the room."""
UNKNOWN_MESSAGE = 20404
"""Twilio's code for a message that does not exist. A 404 without it is not Twilio's answer."""
_INCOMPLETE = 20009
"""Twilio's code for a message that it cannot delete before it is complete."""


async def fetch(api: Api, sid: Sid) -> Listed | Unanswered | None:
    """The message, or None if Twilio says that it has none with this SID."""
    try:
        response = await api.message(sid)
    except Failed as failed:
        return Unanswered(reason=failed.reason)
    if response.status_code == 404 and classify.code_of(response.text) == UNKNOWN_MESSAGE:
        return None
    if response.status_code != 200:
        return _not_clean(response)
    try:
        return listing.one(response.text)
    except (ValueError, TypeError) as error:
        return Unanswered(reason=f"Twilio's record could not be read: {error}.")


async def find(api: Api, to: Phone, since: datetime) -> tuple[Listed, ...] | Unanswered:
    """All messages of ours to a number that Twilio created since then, newest first.

    The list is asked by number alone: Twilio's date filter is about the time of sending, which
    a waiting message does not have. Whole seconds count, as Twilio's times have no fractions.
    """
    begin = since.replace(microsecond=0)
    found: list[Listed] = []
    uri: str | None = None
    try:
        for _ in range(MOST_PAGES):
            response = await (api.page(uri) if uri else api.messages(to=to, page_size=PAGE_SIZE))
            if response.status_code != 200:
                return _not_clean(response)
            page = listing.page(response.text)
            recent = [message for message in page.messages if _is_since(message, begin)]
            found += [message for message in recent if message.direction.startswith("outbound")]
            if not recent or page.next_uri is None:
                return tuple(found)
            uri = page.next_uri
    except Failed as failed:
        return Unanswered(reason=failed.reason)
    except (ValueError, TypeError) as error:
        return Unanswered(reason=f"Twilio's list could not be read: {error}.")
    return Unanswered(
        reason=f"Twilio lists more than {PAGE_SIZE * MOST_PAGES} recent messages to this number."
    )


async def cancel_all(api: Api, sids: Sequence[Sid]) -> Sequence[Canceling]:
    """Cancel messages side by side, some at a time."""
    room = asyncio.Semaphore(_AT_A_TIME)

    async def one(sid: Sid) -> Canceling:
        async with room:
            return await cancel(api, sid)

    return await asyncio.gather(*(one(sid) for sid in sids))


async def cancel(api: Api, sid: Sid) -> Canceling:
    """Cancel a message that Twilio keeps for later; safe to repeat.

    A refusal is looked into, because a message that is canceled already is refused as well.
    """
    try:
        response = await api.update(sid, {"Status": "canceled"})
    except Failed:
        return Canceling.UNANSWERED
    if response.status_code in (400, 409):
        now = await fetch(api, sid)
    elif response.status_code == 200:
        now = _read(response)
    else:
        return Canceling.UNANSWERED
    if not isinstance(now, Listed) or now.status == "scheduled":
        return Canceling.UNANSWERED
    return Canceling.CANCELED if now.status == "canceled" else Canceling.TOO_LATE


async def delete_all(api: Api, sids: Sequence[Sid]) -> Sequence[Deleting]:
    """Delete Twilio's records of messages side by side, some at a time."""
    room = asyncio.Semaphore(_DELETIONS)

    async def one(sid: Sid) -> Deleting:
        async with room:
            return await delete(api, sid)

    return await asyncio.gather(*(one(sid) for sid in sids))


async def delete(api: Api, sid: Sid) -> Deleting:
    """Delete Twilio's record of a message, its media included; safe to repeat."""
    try:
        response = await api.delete(sid)
    except Failed:
        return Deleting.UNANSWERED
    code = classify.code_of(response.text)
    if response.status_code == 204 or (response.status_code, code) == (404, UNKNOWN_MESSAGE):
        return Deleting.DELETED
    return Deleting.UNDER_WAY if code == _INCOMPLETE else Deleting.UNANSWERED


def _read(response: Response) -> Listed | None:
    try:
        return listing.one(response.text)
    except (ValueError, TypeError):
        return None


def _is_since(message: Listed, begin: datetime) -> bool:
    return message.date_created is None or message.date_created >= begin


def _not_clean(response: Response) -> Unanswered:
    code = classify.code_of(response.text)
    return Unanswered(
        reason=f"Twilio answered HTTP {response.status_code}"
        + (f" with its error {code}." if code else ".")
    )
