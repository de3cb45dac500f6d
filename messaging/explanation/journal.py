"""The journal of a message in plain words: a sentence for each event."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from messaging.domain.job import Lane
from messaging.domain.wording import count
from messaging.explanation.line import Line, Tell, Tone
from messaging.explanation.ruling import Record, ruling
from messaging.explanation.words import ATTEMPT, DECISIONS, DELIVERY, UNKNOWN, Said
from messaging.postgres.messages import Event, Message
from messaging.twilio.codes import explain


def lines(
    message: Message, events: Sequence[Event], tell: Tell, record: Record | None = None
) -> list[Line]:
    """What happened, oldest first, beginning with the hand-over; `tell` writes times.

    With a record of rules, also which of them were asked and what they said.
    """
    moved = any(event.kind in ("rescheduled", "rescheduling") for event in events)
    told = [line for event in events for line in _told(event, tell, record or Record())]
    return [_handed_over(message, None if moved else message.scheduled_for, tell), *told]


def _handed_over(message: Message, scheduled_for: datetime | None, tell: Tell) -> Line:
    lane = Lane.of(message.priority)
    when = f", to be sent at {tell(scheduled_for)}" if scheduled_for else ""
    made = f", {_made_of(message)}" if message.template else ""
    return Line(at=message.created_at, text=f"It was handed over{made}, {lane} lane{when}.")


def _made_of(message: Message) -> str:
    version = f"version {message.template_version} of " if message.template_version else ""
    return f"made of {version}the template {message.template}"


def _told(event: Event, tell: Tell, record: Record) -> list[Line]:
    rules = ruling(event, record)
    asked = [Line(at=event.at, text=rules)] if rules else []
    return (
        [*asked, _line(event, tell)] if "answer" in event.details else [_line(event, tell), *asked]
    )


def _line(event: Event, tell: Tell) -> Line:
    say = _KINDS.get(event.kind, _something)
    text, tone = say(event, tell)
    return Line(at=event.at, text=text, tone=tone)


def _settled(event: Event, _: Tell) -> Said:
    text, tone = ATTEMPT.get((_word(event, "answer"), _word(event, "status")), UNKNOWN)
    reason = _reason(event)
    return f"Attempt {event.attempt}: {text.format(reason=reason, said=_said(event))}", tone


def _reconciled(event: Event, _: Tell) -> Said:
    status, reason = _word(event, "status"), _word(event, "reason")
    if event.twilio_sid:
        by = _word(event, "by")
        who = f"{by} compared it with Twilio, which" if by else "Twilio was asked, and"
        return f"{who} has it{_said(event)}.", Tone.GOOD
    if status in ("pending", "scheduled"):
        return "Twilio was asked and does not have it: it may be sent again.", Tone.PLAIN
    if status == "expired":
        asked = "Twilio was asked and does not have it. " * (reason == "not at Twilio")
        return f"{asked}Its deadline has passed: it is not sent again.", Tone.BAD
    text = "It is held for a person" if status == "held" else "It was given up in doubt"
    return f"{text}: {reason}.", Tone.DOUBT if status == "held" else Tone.BAD


def _receipt(event: Event, _: Tell) -> Said:
    word = event.delivery_status or ""
    text, tone = DELIVERY.get(word, (f"Twilio reported {word}.", Tone.PLAIN))
    if text.endswith("."):
        return text, tone
    code = event.details.get("error_code")
    return f"{text}: {code}, {explain(code)}" if isinstance(code, int) else f"{text}.", tone


def _late(event: Event, _: Tell) -> Said:
    return (
        f"An answer to attempt {event.attempt} came late and proves that Twilio has a text of "
        f"it{_said(event)}.",
        Tone.DOUBT,
    )


def _refused(event: Event, _: Tell) -> Said:
    return f"It could not become a text: {_word(event, 'reason')}", Tone.BAD


def _swept(event: Event, _: Tell) -> Said:
    return (
        f"Attempt {event.attempt}: the worker did not come back. Whether Twilio has it is in "
        "doubt, and will be asked.",
        Tone.DOUBT,
    )


def _moved(event: Event, tell: Tell) -> Said:
    new_time = _word(event, "scheduled_for")
    when = f" to {tell(datetime.fromisoformat(new_time))}" if new_time else ""
    asked = "; Twilio, which keeps it, is asked to give it back" * (event.kind == "rescheduling")
    return f"It was moved{when}{asked}.", Tone.PLAIN


def _resolved(event: Event, _: Tell) -> Said:
    did = DECISIONS.get((_word(event, "decision"), _word(event, "status")), "decided about it")
    by = _word(event, "by") or "Somebody"
    return f"{by} {did.format(sid=event.twilio_sid)}.", Tone.PLAIN


def _held(event: Event, _: Tell) -> Said:
    by = _word(event, "by")
    who = f"{by} compared it with Twilio" if by else "It was compared with Twilio"
    return f"{who}, and it is held for a person: {_word(event, 'reason')}.", Tone.DOUBT


def _withdrawn(event: Event, _: Tell) -> Said:
    return f"It is not sent: {_reason(event)}", Tone.BAD


def _canceling(event: Event, _: Tell) -> Said:
    why = f" ({_word(event, 'reason').rstrip('.')})" if _word(event, "reason") else ""
    return f"It was canceled{why}; who has it, Twilio or a worker, is to drop it.", Tone.PLAIN


def _recalled(event: Event, _: Tell) -> Said:
    kept = _word(event, "status") == "scheduled"
    after = "it is ours again, to be sent at its new time" if kept else "it is canceled"
    return f"Twilio dropped it: {after}.", Tone.PLAIN


def _carrier_retry(event: Event, _: Tell) -> Said:
    code, reason = event.details.get("code"), _word(event, "reason")
    if reason == "arrived":
        return "The text that it repeats has arrived after all: it is canceled.", Tone.GOOD
    if original := _word(event, "of"):
        return f"It repeats {original}, which the carrier could not deliver ({code}).", Tone.PLAIN
    if reason == "deadline":
        return "It is not sent again: its deadline would have passed.", Tone.BAD
    return f"It is sent again for that ({code}), as {_word(event, 'as')}.", Tone.PLAIN


def _always(text: str, tone: Tone = Tone.PLAIN) -> Callable[[Event, Tell], Said]:
    return lambda _event, _tell: (text, tone)


def _something(event: Event, _: Tell) -> Said:
    reason = _word(event, "reason")
    return f"{event.kind.replace('_', ' ').capitalize()}{f': {reason}' if reason else ''}.", (
        Tone.PLAIN
    )


def _lined(event: Event, _: Tell) -> Said:
    line, parts = _word(event, "line"), event.details.get("segments")
    first = "No text with the opt-out line had reached its number"
    if not line:
        return f"{first}: this one says it by itself.", Tone.PLAIN
    size = f"; with it the text has {count(parts, 'part')}" if isinstance(parts, int) else ""
    return f"{first}, so “{line}” was added{size}.", Tone.PLAIN


def _stopped(event: Event, _: Tell) -> Said:
    what = f"{_word(event, 'scope')} {_word(event, 'value')}".strip()
    return f"It was set aside, because sending is stopped for {what}: {_reason(event)}", Tone.DOUBT


def _deferred(event: Event, tell: Tell) -> Said:
    until = _word(event, "until")
    if not _word(event, "rule"):
        return _word(event, "reason"), Tone.PLAIN  # quiet hours: it says until when, there and here
    at = f" until {tell(datetime.fromisoformat(until))}" if until else ""
    return f"It was put off{at}: {_reason(event)}", Tone.PLAIN


_KINDS: Mapping[str, Callable[[Event, Tell], Said]] = {
    "settled": _settled,
    "reconciled": _reconciled,
    "receipt": _receipt,
    "late_answer": _late,
    "refused": _refused,
    "swept": _swept,
    "expired": _always("It waited until its deadline had passed, and is not sent.", Tone.BAD),
    "carrier_retry": _carrier_retry,
    "canceled": _always("It was canceled."),
    "canceling": _canceling,
    "suppressed": _withdrawn,
    "rescheduled": _moved,
    "rescheduling": _moved,
    "resolved": _resolved,
    "held": _held,
    "gone_at_twilio": _always(
        "Twilio was asked, and no longer has it: it was deleted there.", Tone.BAD
    ),
    "recalled": _recalled,
    "replayed": lambda event, _: (
        f"{_word(event, 'by') or 'Somebody'} had it sent again, as {_word(event, 'as')}.",
        Tone.PLAIN,
    ),
    "replay": lambda event, _: (
        f"{_word(event, 'by') or 'Somebody'} had {_word(event, 'of')} sent again: this is it.",
        Tone.PLAIN,
    ),
    "discarded": lambda event, _: (
        f"{_word(event, 'by') or 'Somebody'} has seen it, and leaves it at that.",
        Tone.PLAIN,
    ),
    "recurred": lambda event, _: (
        f"It comes from the series {_word(event, 'series')}.",
        Tone.PLAIN,
    ),
    "erased": _always("Its number was erased, and what it said."),
    "opt_out_line": _lined,
    "stopped": _stopped,
    "resumed": _always("Sending was resumed: it is due."),
    "deferred": _deferred,
    "key_expired": _always("Its idempotency key had had its time: another message took it."),
    "recall_too_late": _always("Twilio had begun to send it before it could be taken back."),
}


def _reason(event: Event) -> str:
    """Why, as a sentence; a code of Twilio's is explained unless Twilio did it."""
    code, reason = event.details.get("code"), _word(event, "reason")
    text = reason or (explain(code) if isinstance(code, int) else "no reason was given.")
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    return f"{code}, {text}" if isinstance(code, int) else text


def _said(event: Event) -> str:
    """Twilio's id and word for it, in brackets, where there are any."""
    parts = [part for part in (event.twilio_sid, event.delivery_status) if part]
    return f" ({', '.join(parts)})" if parts else ""


def _word(event: Event, name: str) -> str:
    value = event.details.get(name)
    return value if isinstance(value, str) else ""
