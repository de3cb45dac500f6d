"""Where a message stands, in a sentence: what happens to it next, or how it ended."""

from collections.abc import Callable, Mapping, Sequence

from messaging.domain.job import Lane
from messaging.domain.wording import span
from messaging.explanation.deciding import CHOICES, reason_of
from messaging.explanation.line import Line, Tell, Tone
from messaging.postgres.messages import Event, Message
from messaging.twilio.codes import explain

_ON_THE_PHONE = ("delivered", "read")
_UNDELIVERED = ("undelivered", "failed")
_MAY_EXPIRE = ("scheduled", "pending", "retrying", "in_doubt", "held")


def standing(message: Message, events: Sequence[Event], tell: Tell) -> Line:
    """What happens next, or how it ended; `tell` writes times."""
    if message.status == "scheduled" and events and events[-1].kind == "canceling":
        return Line(text="Twilio keeps it, and is being asked to drop it.", tone=Tone.DOUBT)
    text, tone = _STATUSES[message.status](message, tell)
    return Line(text=text + _deadline(message, tell), tone=tone)


def _deadline(message: Message, tell: Tell) -> str:
    """What its deadline means for one that still waits, or may wait again."""
    if message.expires_at is None or message.status not in _MAY_EXPIRE:
        return ""
    return f" It is not sent any more from {tell(message.expires_at)} on."


def why(message: Message) -> str:
    """Why it failed or waits, as its row says; empty where it says nothing."""
    details = message.error_details or {}
    text = str(details.get("message") or details.get("reason") or "")
    if message.error_code is None:
        return text
    return f"{message.error_code}, {text or explain(message.error_code)}"


def _scheduled(message: Message, tell: Tell) -> tuple[str, Tone]:
    rule = (message.error_details or {}).get("rule")
    if rule == "stop":
        return f"It waits until sending is resumed: {_ended(why(message))}", Tone.DOUBT
    if rule == "quiet_hours" and message.due_at != message.scheduled_for:
        return why(message), Tone.PLAIN  # it says until when, here and there
    if rule and message.due_at:
        return f"It waits until {tell(message.due_at)}: {_ended(why(message))}", Tone.DOUBT
    when = message.scheduled_for or message.due_at
    at = f" at {tell(when)}{_on_clock(message)}" if when else ""
    if message.twilio_sid:
        return f"Twilio keeps it, and sends it{at}.", Tone.PLAIN
    return f"It is sent{at}.", Tone.PLAIN


def _on_clock(message: Message) -> str:
    if message.local_time is None:
        return ""
    return f", which is {message.local_time:%H:%M on %d %b %Y} in {message.time_zone}"


def _pending(message: Message, _: Tell) -> tuple[str, Tone]:
    return f"It waits for its turn in the {Lane.of(message.priority)} lane.", Tone.PLAIN


def _processing(message: Message, tell: Tell) -> tuple[str, Tone]:
    until = f" If it has not answered at {tell(message.due_at)}, Twilio" if message.due_at else ""
    asked = f"{until} is asked whether it has the text." if until else ""
    return f"A worker is sending it.{asked}", Tone.PLAIN


def _retrying(message: Message, tell: Tell) -> tuple[str, Tone]:
    at = f" at {tell(message.due_at)}" if message.due_at else ""
    used = f"{message.retry_count} of {message.max_retries} retries are used"
    return f"It is tried again{at}; {used}. The reason: {_ended(why(message))}", Tone.DOUBT


def _in_doubt(message: Message, tell: Tell) -> tuple[str, Tone]:
    at = f" at {tell(message.due_at)}" if message.due_at else ""
    return f"Twilio is asked{at} whether it has it. It is not sent again before.", Tone.DOUBT


def _held(message: Message, _: Tell) -> tuple[str, Tone]:
    reason = reason_of(message.status, why(message))
    return f"It waits for a person to decide. The reason: {reason} {CHOICES}", Tone.DOUBT


def _sent(message: Message, _: Tell) -> tuple[str, Tone]:
    word = message.delivery_status
    if word in _ON_THE_PHONE:
        at = message.delivered_at
        after = f", {span(at - message.created_at)} after it was handed over" if at else ""
        return f"The phone has it{after}.", Tone.GOOD
    if word in _UNDELIVERED:
        return f"Twilio could not deliver it: {_ended(why(message))}", Tone.BAD
    return "Twilio has it. Whether the phone has it is not reported yet.", Tone.PLAIN


def _failed(message: Message, _: Tell) -> tuple[str, Tone]:
    again = f"To try again, hand over a new message, or `messaging dead replay {message.id}`."
    return f"It failed and is not tried again: {_ended(why(message))} {again}", Tone.BAD


def _is_not_sent(because: str) -> Callable[[Message, Tell], tuple[str, Tone]]:
    def say(message: Message, _: Tell) -> tuple[str, Tone]:
        reason = why(message)
        details = f" {_ended(reason)}" if reason else ""
        return f"It is not sent: {because}.{details}", Tone.BAD

    return say


def _suppressed(message: Message, _: Tell) -> tuple[str, Tone]:
    return f"It is not sent, because a rule forbids it: {_ended(why(message))}", Tone.BAD


def _ended(reason: str) -> str:
    reason = reason or "none was recorded"
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


_STATUSES: Mapping[str, Callable[[Message, Tell], tuple[str, Tone]]] = {
    "scheduled": _scheduled,
    "pending": _pending,
    "processing": _processing,
    "retrying": _retrying,
    "in_doubt": _in_doubt,
    "held": _held,
    "sent": _sent,
    "failed": _failed,
    "canceled": _is_not_sent("it was canceled"),
    "expired": _is_not_sent("it was not sent within its time"),
    "suppressed": _suppressed,
}
