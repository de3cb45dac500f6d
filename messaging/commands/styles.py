"""Colours: green for what has arrived, red for what has not and will not, yellow for doubt."""

from messaging.explanation.line import Tone

TONES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.BAD: "red", Tone.DOUBT: "yellow"}

_DELIVERY = {"delivered": "green", "read": "green", "undelivered": "red", "failed": "red"}
_STATUS = {
    "scheduled": "cyan",
    "retrying": "yellow",
    "in_doubt": "yellow",
    "held": "yellow",
    "failed": "red",
    "canceled": "red",
    "expired": "red",
    "suppressed": "red",
}


def of_status(status: str, delivery_status: str | None) -> str:
    """The style of a message's status; of a sent one, that of what became of it."""
    return _DELIVERY.get(delivery_status or "", "") if status == "sent" else _STATUS.get(status, "")
