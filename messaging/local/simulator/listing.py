"""Twilio's list of messages: newest first, filtered, a page at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from urllib.parse import quote

from messaging.local.simulator.clock import parse_iso8601, rfc2822
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.forms import Form, encode
from messaging.local.simulator.message import API_VERSION, Message, resource
from messaging.local.simulator.requests import Request, Response, json_response

PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 1000
_AFTER, _BEFORE = "PA", "PB"
"""How a PageToken begins: the page after, or before, the message whose SID follows."""
_FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    messages: Sequence[Message]
    has_previous: bool
    has_next: bool


def page(exchange: Exchange, request: Request) -> Response:
    """One page of the messages that fit the filters, in Twilio's JSON."""
    wishes = request.arguments
    size = _size(wishes)
    found = _find(exchange, wishes, size)
    number = wishes.number("Page") or 0
    account = exchange.config.account_sid
    path = f"/{API_VERSION}/Accounts/{account}/Messages.json"
    links = _links(found, path, wishes, size, number)
    content = {
        "messages": [resource(one, account) for one in found.messages],
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(0, len(found.messages) - 1),
        **links,
    }
    return json_response(200, content)


def media(message: Message, account_sid: str) -> dict[str, object]:
    """The JSON of a message's media list. Media SIDs count from 1; contents are not kept."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}/Media"
    sids = [f"ME{number:032x}" for number in range(1, len(message.media) + 1)]
    entries = [
        {
            "sid": sid,
            "account_sid": account_sid,
            "parent_sid": message.sid,
            "content_type": "image/jpeg",
            "date_created": rfc2822(message.created_at),
            "date_updated": rfc2822(message.created_at),
            "uri": f"{uri}/{sid}.json",
        }
        for sid in sids
    ]
    return {"media_list": entries, "page": 0, "page_size": PAGE_SIZE, "next_page_uri": None}


def _size(wishes: Form) -> int:
    wanted = wishes.number("PageSize")
    return PAGE_SIZE if wanted is None else min(LARGEST_PAGE, max(1, wanted))


def _find(exchange: Exchange, wishes: Form, size: int) -> _Page:
    """A page that begins where the PageToken says, so that new messages do not shift it."""
    token = wishes.get("PageToken")
    known = exchange.ledger.get(token[2:])
    fits = _filter(wishes, exchange.clock.now())
    to = wishes.get("To")
    candidates = exchange.ledger.to(to) if to else exchange.ledger.messages
    if known is None:
        found = list(islice(filter(fits, reversed(candidates)), size + 1))
        return _Page(messages=found[:size], has_previous=False, has_next=len(found) > size)
    if token.startswith(_BEFORE):
        newer = (one for one in _from(candidates, known.number + 1))
        found = list(islice(filter(fits, newer), size + 1))
        return _Page(messages=found[:size][::-1], has_previous=len(found) > size, has_next=True)
    older = _until(candidates, known.number)
    found = list(islice(filter(fits, older), size + 1))
    return _Page(messages=found[:size], has_previous=True, has_next=len(found) > size)


def _place(messages: Sequence[Message], number: int) -> int:
    """Where in an ordered part of the ledger the message with this number is or would be."""
    low, high = 0, len(messages)
    while low < high:
        middle = (low + high) // 2
        if messages[middle].number < number:
            low = middle + 1
        else:
            high = middle
    return low


def _from(messages: Sequence[Message], number: int) -> Iterator[Message]:
    return islice(messages, _place(messages, number), None)


def _until(messages: Sequence[Message], number: int) -> Iterable[Message]:
    return (messages[place] for place in range(_place(messages, number) - 1, -1, -1))


def _filter(wishes: Form, now: float) -> Callable[[Message], bool]:
    to, sender = wishes.get("To"), wishes.get("From")
    tests = [_sent(name, wishes.get(name)) for name in _FILTERS[2:] if wishes.get(name)]

    def fits(message: Message) -> bool:
        return (
            not message.deleted
            and message.listed_at <= now
            and to in ("", message.to)
            and sender in ("", message.sender)
            and all(test(message.sent_at) for test in tests)
        )

    return fits


def _sent(name: str, text: str) -> Callable[[float | None], bool]:
    """A test of `date_sent`: to the day, or to the second where < and > come with a time."""
    wanted = parse_iso8601(text)
    if wanted is None:
        return lambda _: False
    by_day = len(text) <= len("YYYY-MM-DD") or name == "DateSent"
    edge = _day(wanted) if by_day else int(wanted)

    def test(sent_at: float | None) -> bool:
        if sent_at is None:
            return False
        sent = _day(sent_at) if by_day else int(sent_at)
        return {"DateSent": sent == edge, "DateSent<": sent <= edge, "DateSent>": sent >= edge}[
            name
        ]

    return test


def _day(at: float) -> int:
    return datetime.fromtimestamp(at, UTC).date().toordinal()


def _links(found: _Page, path: str, wishes: Form, size: int, number: int) -> dict[str, str | None]:
    filters = [(quote(name), wishes.get(name)) for name in _FILTERS if wishes.get(name)]

    def uri(page: int, token: str = "") -> str:
        pairs = [*filters, ("PageSize", str(size)), ("Page", str(page))]
        return f"{path}?{encode(pairs + ([('PageToken', token)] if token else []))}"

    first, last = (found.messages[0], found.messages[-1]) if found.messages else (None, None)
    back = first if found.has_previous else None
    on = last if found.has_next else None
    return {
        "uri": uri(number),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(max(0, number - 1), _BEFORE + back.sid) if back else None,
        "next_page_uri": uri(number + 1, _AFTER + on.sid) if on else None,
    }
