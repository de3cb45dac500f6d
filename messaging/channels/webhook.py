"""Posts an alert to a webhook, signed so that the receiver knows who says it, and when.

The header `Messaging-Signature: t=1764400000,v1=…` holds the time in seconds since 1970 and, in
hexadecimal, HMAC-SHA256 (RFC 2104) over `t`, a full stop and the body.
"""

import hashlib
import hmac
import urllib.request
from email.message import Message
from http.client import HTTPException
from typing import IO

SIGNATURE = "Messaging-Signature"
_PATIENCE = 10.0


def signature(secret: str, time: int, body: bytes) -> str:
    """The header's value. `time` is in seconds since 1970."""
    signed = str(time).encode() + b"." + body
    return f"t={time},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def post(url: str, secret: str, time: int, body: bytes) -> str | None:
    """None where the receiver took it; else why not, without the address, which may be secret.

    Takes at most about ten seconds a step.
    """
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "messaging",
        SIGNATURE: signature(secret, time, body),
    }
    try:
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310
        with _OPENER.open(request, timeout=_PATIENCE) as response:
            status = int(response.status)
    except urllib.request.HTTPError as error:
        error.close()
        return f"the webhook answered {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        return f"the webhook cannot be reached ({type(error).__name__})"
    return None if status < 300 else f"the webhook answered {status}"


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is no answer: the body would not go with it."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: Message, newurl: str,
    ) -> None:  # fmt: skip
        """Follows nothing."""


_OPENER = urllib.request.build_opener(_Stay)
