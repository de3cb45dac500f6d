"""Texts from phones: recorded, heeded where they say STOP or START, and posted to the webhook."""

import asyncio
from dataclasses import dataclass

from pydantic import ConfigDict, with_config

from messaging.domain import segments
from messaging.local.simulator import webhook
from messaging.local.simulator.blocks import keyword
from messaging.local.simulator.creation import new_sid
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.message import API_VERSION, Message
from messaging.local.simulator.parcels import Outcome


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A text from a phone. `recipient` is a number of ours or a Messaging Service's SID."""

    sender: str
    body: str
    recipient: str | None = None
    """Default: the first number of the pool."""
    media: tuple[str, ...] = ()
    url: str | None = None
    """Default: the configured inbound_url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of an inbound text; `outcome` is None where there is no webhook."""

    sid: str
    outcome: Outcome | None


async def receive(exchange: Exchange, text: Inbound) -> Received:
    """Take a text in; returns when the webhook has answered, or could not be reached."""
    message = _message(exchange, text)
    exchange.ledger.add(message)
    exchange.blocks.hear(text.body, number=text.sender, senders=_senders(exchange, text, message))
    url = text.url or exchange.config.inbound_url
    outcome = await _post(exchange, url, message) if url else None
    return Received(sid=message.sid, outcome=outcome)


def _senders(exchange: Exchange, text: Inbound, message: Message) -> tuple[str, ...]:
    """STOP to a number of a Messaging Service's pool counts for the whole service."""
    config = exchange.config
    pooled = message.to in config.numbers or text.recipient in config.messaging_services
    return (message.to, *(config.messaging_services if pooled else ()))


def _message(exchange: Exchange, text: Inbound) -> Message:
    config, now = exchange.config, exchange.clock.now()
    is_service = text.recipient in config.messaging_services
    number = config.numbers[0] if is_service or not text.recipient else text.recipient
    return Message(
        sid=new_sid("MM" if text.media else "SM"),
        request=0,
        to=number,
        body=text.body,
        sender=text.sender,
        service=config.messaging_services[0] if number in config.numbers else None,
        status="received",
        created_at=now,
        updated_at=now,
        sent_at=now,
        segments=max(1, segments.count(text.body).parts),
        direction="inbound",
        media=text.media,
    )


async def _post(exchange: Exchange, url: str, message: Message) -> Outcome:
    ended: asyncio.Future[Outcome] = exchange.loop.create_future()
    fields = _fields(message, exchange)
    webhook.post(exchange, url, fields, on_end=ended.set_result)
    return await ended


def _fields(message: Message, exchange: Exchange) -> list[tuple[str, str]]:
    """The fields of https://www.twilio.com/docs/messaging/guides/webhook-request."""
    fields = [
        ("AccountSid", exchange.config.account_sid),
        ("ApiVersion", API_VERSION),
        ("Body", message.body),
        ("From", message.sender or ""),
        ("MessageSid", message.sid),
        ("NumMedia", str(len(message.media))),
        ("NumSegments", str(message.segments)),
        ("SmsMessageSid", message.sid),
        ("SmsSid", message.sid),
        ("SmsStatus", "received"),
        ("To", message.to),
        *((f"{side}{part}", "") for side in ("From", "To") for part in _PLACE),
    ]
    for place, url in enumerate(message.media):
        fields += [(f"MediaUrl{place}", url), (f"MediaContentType{place}", "image/jpeg")]
    if message.service:
        fields.append(("MessagingServiceSid", message.service))
    word = keyword(message.body)
    if word and exchange.config.advanced_opt_out:
        fields.append(("OptOutType", word))
    return fields


_PLACE = ("City", "Country", "State", "Zip")
"""Blank as for most numbers; receivers must keep blank fields to check the signature."""
