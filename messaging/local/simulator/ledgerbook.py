"""The ledger as the admin API shows it: pages, filters, figures."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Final

from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.forms import Form
from messaging.local.simulator.ledger import Ledger
from messaging.local.simulator.message import Message, entry
from messaging.local.simulator.requests import Response, json_response

LIMIT: Final = 1000
"""Entries on a page unless `limit` says otherwise."""
_EQUAL = ("sid", "to", "from", "messaging_service_sid", "status", "job", "attempt", "direction")


def book(exchange: Exchange, wishes: Form) -> Response:
    """Entries in the order of acceptance, from number `after` + 1 on, at most `limit`."""
    rest = islice(exchange.ledger.messages, first(wishes), None)
    return page((one for one in rest if _fits(one, wishes, exchange.ledger)), wishes)


def first(wishes: Form) -> int:
    """The number of the first entry that may be on a page."""
    return _number(wishes, "after", -1) + 1


def page(fits: Iterable[Message], wishes: Form) -> Response:
    """The first of these messages, at most `limit`, and after which number the next page begins."""
    limit = _number(wishes, "limit", LIMIT)
    found = list(islice(fits, limit + 1))
    more = found[limit - 1].number if len(found) > limit else None
    return json_response(
        200, {"messages": [entry(one) for one in found[:limit]], "next_after": more}
    )


def summary(exchange: Exchange) -> dict[str, object]:
    """The figures of the ledger and of the callbacks."""
    figures = asdict(exchange.ledger.summary())
    return {**figures, "callbacks": asdict(exchange.poster.count), "busy": exchange.busy}


def _fits(message: Message, wishes: Form, ledger: Ledger) -> bool:
    shown = entry(message)
    if any(wishes.get(name) not in ("", shown[name]) for name in _EQUAL):
        return False
    if wishes.get("body") not in message.body:
        return False
    texts, jobs = ledger.repeats(message)
    return {"text": texts > 1, "job": jobs > 1}.get(wishes.get("repeated"), True)


def _number(wishes: Form, name: str, default: int) -> int:
    wanted = wishes.number(name)
    return default if wanted is None else wanted
