"""Texts to us: Twilio's inbound webhook, or its list, as values, and what is answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape

from messaging.domain.answers import Listed
from messaging.domain.job import Sid
from messaging.domain.keywords import ONLY_UNDOES, Keywords, Reading, Word
from messaging.domain.receipt import Fields
from messaging.errors import Refused

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_ADDRESS = re.compile(r"[\x21-\x7e]{1,100}", re.ASCII)
_PHONE = re.compile(r"\+[0-9]{7,15}", re.ASCII)
_MOST_MEDIA = 10
_LONGEST_BODY = 5000
"""Characters; Twilio joins the parts of a text up to 1,600."""


class Replies(StrEnum):
    """Who answers keywords."""

    TWILIO = "twilio"
    OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A text to us. `sender` is a number in E.164, or what else Twilio names (a short code, a
    channel's address); only a number has consent."""

    sid: Sid
    sender: str
    recipient: str
    body: str
    media_urls: tuple[str, ...]
    reading: Reading
    is_answered: bool
    """Twilio's Advanced Opt-Out has answered it."""
    sent_at: datetime | None = None
    """By Twilio's clock; a webhook does not say it."""

    @property
    def stops(self) -> bool:
        """Whether a number asks for no more texts."""
        return self.reading.word is Word.STOP and bool(_PHONE.fullmatch(self.sender))

    @property
    def only_undoes(self) -> bool:
        """Whether it takes a STOP back, and is no consent of its own."""
        return self.reading.said in ONLY_UNDOES


def of_webhook(form: Fields, keywords: Keywords) -> Inbound:
    """The text in a webhook's form (Twilio: "Twilio's request to your webhook").

    Raises Refused where the form is none of a text.
    """
    given = dict(form)
    sid = given.get("MessageSid") or given.get("SmsSid") or ""
    sender, recipient = given.get("From", "").strip(), given.get("To", "").strip()
    if not _SID.fullmatch(sid):
        raise Refused("This is no text: MessageSid must be SM or MM and 32 hex digits.")
    if not (_ADDRESS.fullmatch(sender) and _ADDRESS.fullmatch(recipient)):
        raise Refused("This is no text: From and To must say who sent it to whom.")
    body = _kept(given.get("Body", ""))
    opt_out_type = given.get("OptOutType", "")
    return Inbound(
        sid=Sid(sid),
        sender=sender,
        recipient=recipient,
        body=body,
        media_urls=_media(given),
        reading=keywords.read(body, opt_out_type),
        is_answered=bool(opt_out_type),
    )


def of_list(message: Listed, keywords: Keywords) -> Inbound | None:
    """The text in a message of Twilio's list; None where it is none to us, or none can be told.

    The list names neither pictures nor what Advanced Opt-Out made of it.
    """
    sent_at, sender = message.date_sent or message.date_created, message.sender
    if message.direction != "inbound" or not (sent_at and sender and _SID.fullmatch(message.sid)):
        return None
    if not (_ADDRESS.fullmatch(sender) and _ADDRESS.fullmatch(message.to)):
        return None
    body = _kept(message.body)
    return Inbound(
        sid=message.sid,
        sender=sender,
        recipient=message.to,
        body=body,
        media_urls=(),
        reading=keywords.read(body),
        is_answered=False,
        sent_at=sent_at,
    )


def answer(text: Inbound, texts: Mapping[Word, str]) -> str:
    """The TwiML that answers it: with one of these texts where it is a keyword, else with none.

    What Twilio has answered itself is not answered twice.
    """
    word = text.reading.word
    reply = texts.get(word, "") if word and not text.is_answered else ""
    inner = f"<Message>{escape(reply, quote=False)}</Message>" if reply else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>'


def _kept(body: str) -> str:
    return body.replace("\0", "")[:_LONGEST_BODY]


def _media(given: Mapping[str, str]) -> tuple[str, ...]:
    urls = (given.get(f"MediaUrl{place}", "") for place in range(_MOST_MEDIA))
    return tuple(url for url in urls if url)
