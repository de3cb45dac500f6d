"""A message as Twilio keeps it, and as its API shows it."""

from dataclasses import dataclass
from typing import Final

from messaging.local.simulator.clock import iso8601, rfc2822
from messaging.local.simulator.forms import Form
from messaging.local.simulator.refusals import failure_text
from messaging.local.simulator.rules import Subject

API_VERSION: Final = "2010-04-01"
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "received", "read"})
"""A message in one of these never changes again."""
_PRICE = 0.0079
"""Dollars a segment: what Twilio's own examples show."""


@dataclass(slots=True, kw_only=True)
class Message:
    """One text. Times are seconds since 1970; unlike a job of ours, it changes as it lives."""

    sid: str
    request: int
    """The number of the API request that made it; 0 for inbound texts."""
    to: str
    body: str
    sender: str | None
    service: str | None
    status: str
    created_at: float
    updated_at: float
    segments: int
    number: int = 0
    """Its place in the ledger, from 0; the ledger sets it."""
    direction: str = "outbound-api"
    media: tuple[str, ...] = ()
    status_callback: str | None = None
    job: str | None = None
    attempt: str | None = None
    validity: int = 36_000
    send_at: float | None = None
    sent_at: float | None = None
    listed_at: float = 0.0
    error_code: int | None = None
    deleted: bool = False
    redacted: bool = False
    """The API shows an empty body; the ledger keeps what was sent."""

    @property
    def requested_sender(self) -> str:
        """The Messaging Service or the From that the caller named."""
        return self.service or self.sender or ""


def resource(message: Message, account_sid: str) -> dict[str, object]:
    """The JSON of Twilio's Message resource."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    code = message.error_code
    assigned = message.sender is not None
    return {
        "body": "" if message.redacted else message.body,
        "num_segments": str(message.segments) if assigned else "0",
        "direction": message.direction,
        "from": message.sender,
        "date_updated": rfc2822(message.updated_at),
        "price": f"{-_PRICE * message.segments:.5f}" if message.sent_at else None,
        "error_message": failure_text(code) if code else None,
        "uri": f"{uri}.json",
        "account_sid": account_sid,
        "num_media": str(len(message.media)),
        "to": message.to,
        "date_created": rfc2822(message.created_at),
        "status": message.status,
        "sid": message.sid,
        "date_sent": rfc2822(message.sent_at),
        "messaging_service_sid": message.service,
        "error_code": code,
        "price_unit": "USD",
        "api_version": API_VERSION,
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def entry(message: Message) -> dict[str, object]:
    """The JSON of a message in the ledger, with what Twilio's own API does not show."""
    return {
        "number": message.number,
        **state(message),
        "request": message.request,
        "direction": message.direction,
        "to": message.to,
        "messaging_service_sid": message.service,
        "body": message.body,
        "media": message.media,
        "segments": message.segments,
        "created_at": iso8601(message.created_at),
        "send_at": iso8601(message.send_at) if message.send_at else None,
        "status_callback": message.status_callback,
        "job": message.job,
        "attempt": message.attempt,
        "validity": message.validity,
    }


def state(message: Message) -> dict[str, object]:
    """The part of a message's entry that changes as it lives."""
    return {
        "sid": message.sid,
        "from": message.sender,
        "status": message.status,
        "error_code": message.error_code,
        "updated_at": iso8601(message.updated_at),
        "sent_at": iso8601(message.sent_at) if message.sent_at else None,
        "deleted": message.deleted,
        "redacted": message.redacted,
    }


def subject(message: Message, status: str = "") -> Subject:
    """A message as fault rules look at it; `status` is the one that a callback reports."""
    return Subject(to=message.to, body=message.body, sender=message.requested_sender, status=status)


def query_parameter(url: str | None, name: str) -> str | None:
    """A query parameter of the callback URL, or None where it has none of that name."""
    if not url or f"{name}=" not in url:
        return None
    query = url.partition("#")[0].partition("?")[2]
    return Form(query).get(name) or None
