"""Changes that callers may make to a message: cancel, redact, delete."""

from messaging.local.simulator import life
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.forms import Form
from messaging.local.simulator.message import FINAL, Message
from messaging.local.simulator.refusals import Refusal, refusal

_COMPLETE = FINAL | {"sent"}
"""Statuses in which Twilio lets a message be redacted or deleted (else error 20009)."""


def update(exchange: Exchange, message: Message, form: Form) -> Refusal | None:
    """Cancel a scheduled message or redact a complete one; None means done."""
    if ("Body" in form) == ("Status" in form):
        return refusal(30400)
    if "Status" in form:
        return _cancel(exchange, message, form.get("Status"))
    return _redact(exchange, message, form.get("Body"))


def delete(exchange: Exchange, message: Message) -> Refusal | None:
    """Take a complete message out of the API's sight; it stays in the ledger."""
    if message.status not in _COMPLETE:
        return refusal(20009)
    message.deleted = True
    exchange.ledger.note(message)
    return None


def _cancel(exchange: Exchange, message: Message, status: str) -> Refusal | None:
    if status != "canceled":
        return refusal(30400)
    if message.status != "scheduled":
        return refusal(30409)
    life.change(exchange, message, "canceled")
    return None


def _redact(exchange: Exchange, message: Message, body: str) -> Refusal | None:
    if body:
        return refusal(30400)
    if message.status not in _COMPLETE:
        return refusal(20009)
    message.redacted = True
    message.updated_at = exchange.clock.now()
    exchange.ledger.note(message)
    return None
