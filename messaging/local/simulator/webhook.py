"""One webhook request as Twilio makes it: form-encoded, signed, with its usual headers."""

import base64
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

from messaging.local.simulator import overrides
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.forms import encode
from messaging.local.simulator.overrides import Overrides
from messaging.local.simulator.parcels import Origin, Outcome, Parcel
from messaging.local.simulator.signature import sign

_tokens = random.Random()  # noqa: S311 - names a delivery, protects nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """A webhook URL, taken apart."""

    signed: str
    """The URL without its fragment."""
    origin: Origin
    head: str
    """The request line and the headers that are the same for every request to it."""
    overrides: Overrides


def post(
    exchange: Exchange,
    url: str,
    fields: Sequence[tuple[str, str]],
    *,
    on_end: Callable[[Outcome], None] | None = None,
) -> None:
    """Sign and send the fields; `on_end` learns how it went, after all retries."""
    target = _target(url)
    content = encode(fields)
    signature = sign(exchange.config.auth_token, target.signed, fields)
    request = (
        f"{target.head}"
        f"Content-Length: {len(content)}\r\n"
        f"X-Twilio-Signature: {signature}\r\n"
        f"I-Twilio-Idempotency-Token: {_tokens.getrandbits(128):032x}\r\n"
        f"\r\n{content}"
    )
    exchange.poster.send(
        Parcel(
            origin=target.origin,
            request=request.encode(),
            overrides=target.overrides,
            on_end=on_end,
        )
    )


# A message has up to four callbacks within a second or so, all to the same URL.
@lru_cache(maxsize=4096)
def _target(url: str) -> _Target:
    bare, _, fragment = url.partition("#")
    parts = urlsplit(bare)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return _Target(
        signed=bare,
        origin=Origin(host=parts.hostname or "", port=port, secure=secure),
        head=_head(parts),
        overrides=overrides.read(fragment),
    )


def _head(parts: SplitResult) -> str:
    path = parts.path or "/"
    return (
        f"POST {f'{path}?{parts.query}' if parts.query else path} HTTP/1.1\r\n"
        f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
        "User-Agent: TwilioProxy/1.1\r\n"
        "Accept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"{_authorization(parts)}"
    )


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
