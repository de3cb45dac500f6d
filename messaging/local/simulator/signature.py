"""Twilio's signature over a webhook request.

https://www.twilio.com/docs/usage/security#validating-requests: HMAC-SHA1 under the auth token
over the full URL without its fragment, followed by every field sorted by name, name then value.
"""

import base64
import hmac
from collections.abc import Iterable


def sign(auth_token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The value of X-Twilio-Signature; `url` must come without its fragment."""
    text = url + "".join([name + value for name, value in sorted(fields)])
    digest = hmac.digest(auth_token.encode(), text.encode(), "sha1")
    return base64.b64encode(digest).decode()
