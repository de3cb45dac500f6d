"""One webhook request as Twilio makes it: form-encoded, signed, with its usual headers."""

import base64
import random
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from messaging.local.simulator import overrides
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.forms import encode
from messaging.local.simulator.poster import Origin, Outcome, Parcel
from messaging.local.simulator.signature import sign

_tokens = random.Random()  # noqa: S311 - names a delivery, protects nothing


def post(
    exchange: Exchange,
    url: str,
    fields: Sequence[tuple[str, str]],
    *,
    on_end: Callable[[Outcome], None] | None = None,
) -> None:
    """Sign and send the fields; `on_end` learns how it went, after all retries."""
    bare, _, fragment = url.partition("#")
    parts = urlsplit(bare)
    signature = sign(exchange.config.auth_token, bare, fields)
    parcel = Parcel(
        origin=_origin(parts),
        request=_request(parts, signature, encode(fields)),
        overrides=overrides.read(fragment),
        on_end=on_end,
    )
    exchange.poster.send(parcel)


def _origin(parts: SplitResult) -> Origin:
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Origin(host=parts.hostname or "", port=port, secure=secure)


def _request(parts: SplitResult, signature: str, content: str) -> bytes:
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return (
        f"POST {target} HTTP/1.1\r\n"
        f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
        "User-Agent: TwilioProxy/1.1\r\n"
        "Accept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"Content-Length: {len(content)}\r\n"
        f"X-Twilio-Signature: {signature}\r\n"
        f"I-Twilio-Idempotency-Token: {_tokens.getrandbits(128):032x}\r\n"
        f"{_authorization(parts)}\r\n{content}"
    ).encode()


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
