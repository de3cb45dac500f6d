"""The words of the journal: tables of what Twilio, an attempt and a person may have said."""

from collections.abc import Mapping

from messaging.explanation.line import Tone

Said = tuple[str, Tone]
DELIVERY: Mapping[str, Said] = {
    "scheduled": ("Twilio keeps it for later.", Tone.PLAIN),
    "accepted": ("Twilio accepted it.", Tone.PLAIN),
    "queued": ("Twilio queued it.", Tone.PLAIN),
    "sending": ("Twilio is sending it.", Tone.PLAIN),
    "sent": ("The carrier took it.", Tone.PLAIN),
    "partially_delivered": ("A part of it is on the phone.", Tone.PLAIN),
    "delivered": ("The phone has it.", Tone.GOOD),
    "read": ("It was read.", Tone.GOOD),
    "undelivered": ("The carrier could not deliver it", Tone.BAD),
    "failed": ("Twilio could not send it", Tone.BAD),
    "canceled": ("Twilio dropped it.", Tone.PLAIN),
}
"""What Twilio's words mean; those without a full stop are followed by the reason."""
DECISIONS: Mapping[tuple[str, str], str] = {
    ("sent", "sent"): "decided that Twilio has it ({sid})",
    ("resend", "pending"): "decided that it did not go out, and had it sent again",
    ("resend", "scheduled"): "decided that it did not go out, and put it back until its time",
    ("cancel", "canceled"): "decided that it is not sent",
}
"""By what a person decided and the status that it led to."""
UNKNOWN: Said = ("It was settled{said}.", Tone.PLAIN)
ATTEMPT: Mapping[tuple[str, str], Said] = {
    ("accepted", "sent"): ("Twilio took it{said}.", Tone.PLAIN),
    ("accepted", "scheduled"): ("Twilio keeps it until its time{said}.", Tone.PLAIN),
    ("rejected", "failed"): ("Twilio refused it: {reason}", Tone.BAD),
    ("handover refused", "scheduled"): (
        "Twilio will not keep it, so it stays here until its time: {reason}",
        Tone.PLAIN,
    ),
    ("withheld", "expired"): ("not sent: {reason}", Tone.BAD),
    ("withheld", "suppressed"): ("not sent: {reason}", Tone.BAD),
    ("withheld", "scheduled"): ("not sent yet: {reason}", Tone.PLAIN),
    ("not handed over", "scheduled"): ("it was not handed to Twilio early: {reason}", Tone.PLAIN),
    ("not sent", "retrying"): ("not sent, and tried again later: {reason}", Tone.PLAIN),
    ("not sent", "failed"): ("not sent, and no retry is left: {reason}", Tone.BAD),
    ("in doubt", "in_doubt"): ("Twilio's answer was not seen: {reason}", Tone.DOUBT),
    ("in doubt", "held"): (
        "Twilio's answer was not seen, and it is held for a person: {reason}",
        Tone.DOUBT,
    ),
    ("in doubt", "retrying"): (
        "Twilio's answer was not seen; by its policy it is sent again: {reason}",
        Tone.DOUBT,
    ),
    ("in doubt", "scheduled"): (
        "Twilio's answer was not seen; by its policy it is sent at its time all the same: {reason}",
        Tone.DOUBT,
    ),
    ("in doubt", "failed"): (
        "Twilio's answer was not seen; by its policy it is given up: {reason}",
        Tone.BAD,
    ),
}
"""By the answer to an attempt and the status that it led to."""
