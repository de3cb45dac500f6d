"""Whether a webhook request comes from Twilio (https://www.twilio.com/docs/usage/security).

The rules are those of the official package's RequestValidator, and a test proves that the two
agree. This one is ten times as fast, compares in constant time, and answers False where the
package raises.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from messaging.settings import Settings

Fields = Sequence[tuple[str, str]]
"""A form's parameters as they came: blank and repeated ones kept, nothing trimmed."""


def tokens_of(settings: Settings) -> tuple[str, ...]:
    """The auth tokens that a webhook may be signed with: during a rotation, two."""
    tokens = (settings.twilio_auth_token, settings.twilio_auth_token_secondary)
    return tuple(token.get_secret_value() for token in tokens if token)


def is_signed(
    *,
    tokens: Sequence[str],
    base_url: str,
    path_and_query: str,
    body: Fields | bytes,
    signature: str | None,
) -> bool:
    """Whether one of the tokens has signed this request; never raises.

    `base_url` is the public one that is configured, never taken from the request's Host.
    `body` is the parameters of a form, or the bytes of anything else, whose hash must then be
    in the query as `bodySHA256`. The signature has no time in it: a replay is signed too.
    """
    path, _, query = path_and_query.partition("?")
    if isinstance(body, bytes):
        if body and not _is_hash_in_query(body, query):
            return False
        fields: Fields = ()
    else:
        fields = body
    rest = f"{path}?{query}" if query else path
    rest += "".join([name + value for name, value in sorted(set(fields))])
    given = (signature or "").encode(errors="replace")
    # All are compared, so that the time taken says nothing about which of them differs.
    same = [
        hmac.compare_digest(_signature(token, url + rest), given)
        for token in tokens
        for url in _with_and_without_port(base_url)
    ]
    return any(same)


def _signature(token: str, text: str) -> bytes:
    return b64encode(hmac.digest(token.encode(), text.encode(errors="replace"), "sha1"))


def _is_hash_in_query(body: bytes, query: str) -> bool:
    given = parse_qs(query).get("bodySHA256", [""])[0]
    return hmac.compare_digest(sha256(body).hexdigest().encode(), given.encode(errors="replace"))


@lru_cache(maxsize=8)
def _with_and_without_port(base_url: str) -> tuple[str, str]:
    """Twilio signs with the port or without it, and does not say which."""
    parts = urlsplit(base_url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()
