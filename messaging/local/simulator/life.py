"""The life of a message after it was accepted: queued, sent, and how it ends."""

import zlib

from messaging.local.simulator import callbacks
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.faults import lot
from messaging.local.simulator.message import FINAL, Message, subject
from messaging.local.simulator.rules import Kind, Moment, Rule

_DEFAULT_CODES = {Kind.UNDELIVERED: 30003, Kind.FAILED: 30008}
EXPIRED, OVERFLOW = 30036, 30001


def begin(exchange: Exchange, message: Message) -> None:
    """Let an accepted message live, with or without a callback URL."""
    if exchange.faults.any_for(Moment.LISTING):
        lag = exchange.faults.draw(Moment.LISTING, subject(message))
        message.listed_at = message.created_at + lag.delay_ms / 1000 if lag else 0.0
    if message.status == "scheduled":
        if exchange.timetable.schedule(message):
            _set_alarm(exchange)
    elif message.status == "accepted":
        exchange.loop.call_later(exchange.config.queued_ms[0] / 2000, _queue, exchange, message)
    else:
        _line_up(exchange, message)


def resume(exchange: Exchange) -> None:
    """Go on with the messages that were under way when the simulator last stopped."""
    for message in exchange.ledger.outbound:
        if message.status == "sent":
            _arrive(exchange, message, _ending(exchange, message))
        elif message.status not in FINAL | {"sent"}:
            begin(exchange, message)


def send_due(exchange: Exchange) -> None:
    """Send the scheduled messages that are due by the clock, and set the alarm for the next."""
    for message in exchange.timetable.due(exchange.clock.now()):
        if message.status == "scheduled":
            _queue(exchange, message)
    _set_alarm(exchange)


def change(exchange: Exchange, message: Message, status: str, code: int | None = None) -> None:
    """Give a message a status and report it, unless the ledger has forgotten the message."""
    message.updated_at = exchange.clock.now()
    message.error_code = code
    if exchange.ledger.change(message, status):
        callbacks.report(exchange, message)


def _set_alarm(exchange: Exchange) -> None:
    """One timer for all scheduled messages."""
    timetable = exchange.timetable
    if timetable.alarm:
        timetable.alarm.cancel()
    next_at = timetable.next_at()
    if next_at is not None:
        wait = next_at - exchange.clock.now() + 0.001
        timetable.alarm = exchange.loop.call_later(wait, send_due, exchange)


def _queue(exchange: Exchange, message: Message) -> None:
    """Give a Messaging Service's text one of its numbers; the same recipient keeps its number."""
    if message.sender is None:
        pool = exchange.config.numbers
        message.sender = pool[int(lot(0, message.to) * len(pool))]
    change(exchange, message, "queued")
    _line_up(exchange, message)


def _line_up(exchange: Exchange, message: Message) -> None:
    """Wait for the sender's turn, in Twilio's queue."""
    wait, reason = _wait(exchange, message)
    if reason:
        _end_later(exchange, message, "failed", reason)
        return
    delay = _between(exchange.config.queued_ms, message, exchange.config.seed)
    exchange.loop.call_later(wait + delay / 1000, _send, exchange, message)


def _wait(exchange: Exchange, message: Message) -> tuple[float, int | None]:
    """Seconds until the sender may send, and the error if that is never."""
    rate = exchange.config.segments_per_second
    if not rate:
        return 0.0, None
    sender, now = message.sender or "", exchange.clock.now()
    wait = exchange.timetable.queue(sender, now)
    if wait * 1000 > exchange.config.longest_queue_ms:
        return wait, OVERFLOW
    if wait > message.validity:
        return wait, EXPIRED
    return exchange.timetable.take(sender, now, seconds=message.segments / rate), None


def _send(exchange: Exchange, message: Message) -> None:
    if "sending" in exchange.config.reported:
        change(exchange, message, "sending")
    ending = _ending(exchange, message)
    if ending and ending.kind is Kind.FAILED:
        change(exchange, message, "failed", ending.code or _DEFAULT_CODES[ending.kind])
        return
    message.sent_at = exchange.clock.now()
    change(exchange, message, "sent")
    _arrive(exchange, message, ending)


def _arrive(exchange: Exchange, message: Message, ending: Rule | None) -> None:
    """Let a text that was sent arrive, or not, or never be heard of again."""
    if ending is None:
        _end_later(exchange, message, "delivered", None)
    elif ending.kind is not Kind.NEVER_DELIVERED:
        code = ending.code or _DEFAULT_CODES[ending.kind]
        _end_later(exchange, message, "undelivered", code)


def _ending(exchange: Exchange, message: Message) -> Rule | None:
    if not exchange.faults.any_for(Moment.ENDING):
        return None
    return exchange.faults.draw(Moment.ENDING, subject(message))


def _end_later(exchange: Exchange, message: Message, status: str, code: int | None) -> None:
    delay = _between(exchange.config.delivered_ms, message, exchange.config.seed)
    exchange.loop.call_later(delay / 1000, change, exchange, message, status, code)


def _between(limits: tuple[int, int], message: Message, seed: int) -> float:
    """Milliseconds between the two limits, the same for the same text and seed."""
    lowest, highest = limits
    share = zlib.crc32(f"{seed} {message.to} {message.body}".encode()) / 2**32
    return lowest + (highest - lowest) * share
