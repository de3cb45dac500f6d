"""`messaging resolve`: a person decides about a message, and the journal keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass

from messaging import resolution, runtime
from messaging.commands.database import answering, database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.domain.decision import Answer, Decision, Wish
from messaging.domain.job import JobId, Sid
from messaging.domain.wording import hide_numbers
from messaging.errors import NotFound, Refused
from messaging.postgres import messages
from messaging.resolution import Resolved
from messaging.settings import Settings, load

_SAID: Mapping[Answer, str] = {
    Answer.SENT: "It is recorded as sent.",
    Answer.PENDING: "It is sent again, within seconds.",
    Answer.SCHEDULED: "It waits for its time again, and is sent then.",
    Answer.CANCELED: "It is canceled, and is not sent.",
    Answer.NOT_HELD: "It is {status}: this cannot be decided any more, or not yet. `messaging "
    "explain {id}` tells why.",
    Answer.SID_MISSING: "--sent takes Twilio's SID of the text.",
    Answer.SID_INVALID: "--sent takes Twilio's SID of a message: SM or MM and 32 hexadecimal "
    "digits.",
    Answer.SID_TAKEN: "Another message has that SID: look for the text of this one.",
    Answer.SID_UNKNOWN: "Twilio has no message with that SID: check it, and TWILIO_ACCOUNT_SID.",
    Answer.OTHER_NUMBER: "That SID is of a text to another number, or of one that came in: look "
    "for a text of ours to this message's number.",
    Answer.NEVER_SENT: "That text was canceled at Twilio and did not go out: use --resend or "
    "--cancel.",
    Answer.UNANSWERED: "Nothing is changed, because Twilio did not say what it has under that SID: "
    "{reason} Try again, or add --unchecked if you have seen the text in Twilio's console.",
}
_CODES: Mapping[Answer, ExitCode] = {
    Answer.NOT_HELD: ExitCode.UNSUCCESSFUL,
    Answer.UNANSWERED: ExitCode.TROUBLE,
}
"""Of what was not done; all the rest is a SID that was given wrongly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `--json` prints: `result` is the word for what was done, or for why nothing was."""

    id: JobId
    result: str
    status: str
    twilio_sid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed. Exactly one of `sent`, `resend` and `cancel` must have been."""

    id: JobId
    sent: str | None
    resend: bool
    cancel: bool
    unchecked: bool
    by: str | None


def resolve(screen: Screen, options: Options) -> ExitCode:
    """Does what was decided. Raises Refused and NotFound, or says why it cannot be done."""
    wish = _wish(options)
    settings = load()
    with database(settings) as conn:  # first: a database that is away is told at once
        resolved = _resolve(settings, wish)
        message = messages.show(conn, wish.id)
    answer = resolved.answer
    if message is None:
        raise NotFound(f"There is no message {wish.id}.")
    status, sid = message.status, message.twilio_sid
    screen.show(Shown(id=wish.id, result=answer, status=status, twilio_sid=sid))
    said = _SAID[answer].format(
        id=wish.id, status=status.replace("_", " "), reason=hide_numbers(resolved.reason)
    )
    if answer.is_done:
        screen.good(said)
        return ExitCode.OK
    screen.bad(said)
    return _CODES.get(answer, ExitCode.REFUSED)


def _resolve(settings: Settings, wish: Wish) -> Resolved:
    rt = runtime.build(settings)
    try:
        with answering(settings.database_url.get_secret_value()):
            return resolution.resolve(rt, wish)
    finally:
        rt.close()


def _wish(options: Options) -> Wish:
    chosen = [
        decision
        for decision, is_given in (
            (Decision.SENT, options.sent is not None),
            (Decision.RESEND, options.resend),
            (Decision.CANCEL, options.cancel),
        )
        if is_given
    ]
    if len(chosen) != 1:
        raise Refused("Decide one thing: --sent SID, --resend or --cancel.")
    if options.unchecked and options.sent is None:
        raise Refused("--unchecked is about the SID of --sent: leave it out.")
    return Wish(
        id=options.id,
        decision=chosen[0],
        sid=Sid(options.sent.strip()) if options.sent is not None else None,
        by=name_of(options.by),
        unchecked=options.unchecked,
    )
